"""make sync PART=i/n: several syncs at the same time, which together are one."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pages import WITH_MAKE
from sandbox_api import Refusal, SandboxApi
from test_sync import LONGEST, Sync
from usual import ROOT, STREAMS

if TYPE_CHECKING:
    from conftest import Connector

ONCE = re.search(r"^ONCE \?= (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1]  # type: ignore[index]
TICKERS = ["AAPL", "IBM", "MSFT"]  # in part 1, 3 and 2 of 3
PARTS = 3


class CountingSandbox(SandboxApi):
    """Counts the requests that it refuses."""

    refused: Counter[int]

    def admit(self, key: str) -> None:
        try:
            super().admit(key)
        except Refusal as refusal:
            self.refused[refusal.code] += 1
            raise


@pytest.fixture
def api() -> Any:
    with CountingSandbox() as sandbox:
        sandbox.refused = Counter()
        yield sandbox


def sync_all(connector: Connector, *options: str, **config: Any) -> None:
    """A sync of each part, all at the same time."""
    parts = [f"tickers={number}/{PARTS}" for number in range(1, PARTS + 1)]
    for sync in [Sync(connector, "parts").start("--part", part, *options, **config) for part in parts]:
        _, stderr = sync.communicate(timeout=LONGEST)
        assert (sync.returncode, stderr) == (0, "")


def union(connector: Connector, stream: str) -> set[str]:
    numbers = range(1, 2 if stream in ONCE.split(",") else PARTS + 1)
    return {row for n in numbers for row in Sync(connector, f"parts.{n}-of-{PARTS}").table(stream)}


def test_the_parts_together_are_one_read_and_keep_to_its_rate(connector: Connector, api: CountingSandbox) -> None:
    config: dict[str, Any] = {"tickers": TICKERS, "start_date": "2005-01-03", "end_date": "2005-04-29"}
    whole = Sync(connector, "whole")
    whole.run(**config)
    api.requests.clear()
    # 600 a minute are 60 in six seconds, and some may be late. Without a share of its own each part would make 60.
    api.page_size, api.rate_per_minute, api.minute = 3, 90, 6.0
    sync_all(connector, "--once", ONCE, requests_per_minute=600, **config)
    assert api.refused == {}
    assert len(api.requests) > api.rate_per_minute
    assert len(api.calls("exchanges")) == len(api.calls("upcoming")) == 1
    for stream in STREAMS:
        assert union(connector, stream) == set(whole.table(stream)) != set(), stream


def test_tickers_that_are_added_come_into_their_parts_and_the_others_go_on(
    connector: Connector, api: CountingSandbox
) -> None:
    days = {"start_date": "2005-01-03", "end_date": "2005-04-29"}
    streams = ["--streams", "stock_prices"]
    sync_all(connector, *streams, tickers=TICKERS, **days)
    api.requests.clear()
    sync_all(connector, *streams, tickers=["GOOG", *TICKERS], **days)
    again = [path for path in api.calls() if "/AAPL/" in path]
    assert again
    assert not [path for path in again if "/2005-01-03/" in path]
    whole = Sync(connector, "whole")
    whole.run(*streams, tickers=["GOOG", *TICKERS], **days)
    assert union(connector, "stock_prices") == set(whole.table("stock_prices"))


def test_a_night_in_parts_costs_the_requests_that_the_docs_say(connector: Connector, api: CountingSandbox) -> None:
    page = (ROOT / "docs" / "engines.md").read_text("utf-8")
    told = re.search(r"one night's bars for 30 tickers take (\d+) requests in one sync and (\d+) in three parts", page)
    tickers = [f"T{number}" for number in range(30)]
    api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
    streams = ["--streams", "stock_prices"]
    asked = []
    for start in (Sync(connector, "whole").run, partial(sync_all, connector)):
        for last in ("2005-04-28", "2005-04-29"):
            api.requests.clear()
            start(*streams, tickers=tickers, start_date="2005-04-01", end_date=last, requests_per_minute=6000)
        asked.append(str(len(api.requests)))
    assert told
    assert tuple(asked) == told.groups()


@WITH_MAKE
@pytest.mark.parametrize(
    ("part", "code", "says"),
    [("2/2", 0, "splits "), ("2/7", 0, "nothing to read"), ("3/2", 2, "PART: 3/2 is not a part of tickers;")],
)
def test_make_hands_the_part_on(part: str, code: int, says: str, connector: Connector, shell: Any) -> None:
    said = shell.type(f"make --no-print-directory sync STREAMS=splits,exchanges PART={part}")
    assert says in "\n".join(said)
    assert shell.type("echo $?") == [str(code)]
