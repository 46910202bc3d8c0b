"""What in the docs needs PyAirbyte, the CDK or DuckDB, which come with each other: the ordinary tests leave it out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pages import ACTIVATE, ELSEWHERE, FIRST, ROOT, Shell, Started, Turn, Typed, clone, section, steps

ACTIVATED = Typed(ACTIVATE, [])
SANDBOX = Started("python integration_tests/sandbox_api.py", ["Sandbox at ..."])
NEW = [Typed("make new NAME=pokemon DIR=../source-pokemon", []), Typed("cd ../source-pokemon", []), ACTIVATED]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    assert all(map(find_spec, ELSEWHERE.values()))
    monkeypatch.setenv("DO_NOT_TRACK", "1")  # no telemetry, no look into Airbyte's registry
    monkeypatch.setenv("AIRBYTE_OFFLINE_MODE", "1")
    with Shell(clone(tmp_path / "source-stock-ticker")) as shell:
        yield shell


@pytest.mark.parametrize("page", ["recipes.md", "airbyte.md"])
def test_all_that_a_page_tells_to_do_comes_out_as_it_shows(page: str, shell: Shell) -> None:
    for step in steps((ROOT / "docs" / page).read_text("utf-8")):
        shell.do(step)


def test_the_standard_tests_run_on_a_connector_of_ones_own(shell: Shell) -> None:
    page = (ROOT / "docs" / "build-your-own.md").read_text("utf-8")
    part = section(page, "7. Airbyte's tests")
    for step in (*NEW, Turn("second"), *NEW[1:], SANDBOX, Turn(FIRST), *steps(part)):
        shell.do(step)
