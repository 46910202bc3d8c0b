"""Tests what a person sees who reads into a file: stderr is a terminal, stdout is not."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector

ROOT = Path(__file__).resolve().parent.parent

READ = ("stock_prices", "exchanges")


@pytest.fixture
def seen(connector: Connector) -> Callable[..., list[str]]:
    """A function: what stays on the terminal of a read (or a check) with this config, line by line."""

    def seen(command: str = "read", streams: tuple[str, ...] = READ, **config: Any) -> list[str]:
        files = ["--config", connector.config(**config)]
        if command == "read":
            files += ["--catalog", connector.file(connector.catalog(streams, "full_refresh"))]
        ours, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), command, *files], stdout=subprocess.DEVNULL, stderr=terminal
        )
        os.close(terminal)
        written = b""
        with suppress(OSError):  # so Linux says that it is the end
            while part := os.read(ours, 10_000):
                written += part
        os.close(ours)
        process.wait()
        assert process.returncode in (0, 1)
        # What was erased is gone: the end of each line counts.
        return [re.split(r"\r\x1b\[K", line)[-1] for line in written.decode().split("\r\n")[:-1]]

    return seen


def test_a_read_that_goes_well_leaves_a_line_for_each_stream(seen: Callable[..., list[str]]) -> None:
    assert seen() == ["stock_prices: 62 rows, 2 requests", "exchanges: 10 rows, 1 request"]


def test_a_wrong_key_is_reported_once_and_each_further_stream_refers_to_it(seen: Callable[..., list[str]]) -> None:
    lines = seen(api_key="a-wrong-key-12345678")
    first, *others = (line for line in lines if line.startswith("error: "))
    assert first.startswith("error: stock_prices: api_key: the API does not accept this key (HTTP 401)")
    assert others == ["error: exchanges: the same as for stock_prices"]
    assert "a-wrong-key-12345678" not in "".join(lines)


def test_a_check_says_why_it_failed(seen: Callable[..., list[str]]) -> None:
    (line,) = seen("check", api_key="a-wrong-key-12345678")
    assert line.startswith("error: api_key: the API does not accept this key (HTTP 401)")


def test_a_warning_appears_above_the_line_of_its_stream(seen: Callable[..., list[str]], api: SandboxApi) -> None:
    api.fail_next(("status", 500))
    lines = seen(streams=("stock_prices",))
    assert lines[0].startswith("warning: ")
    assert "HTTP 500" in lines[0]
    assert lines[-1].startswith("stock_prices: ")


def test_a_config_that_cannot_be_read_is_reported_too(seen: Callable[..., list[str]]) -> None:
    assert seen(tickers="AAPL") == ['error: tickers must be a list (for example ["AAPL", "MSFT"]); it is "AAPL".']
