"""The pages whose commands need PyAirbyte or DuckDB, which comes with it: the ordinary tests leave those out."""

from importlib.util import find_spec

import pytest
from pages import ELSEWHERE, ROOT, Shell, clone, steps


@pytest.mark.parametrize("page", ["recipes.md", "airbyte.md"])
def test_all_that_a_page_tells_to_do_comes_out_as_it_shows(page, tmp_path, monkeypatch):
    assert all(map(find_spec, ELSEWHERE.values()))
    monkeypatch.setenv("DO_NOT_TRACK", "1")  # no telemetry, no look into Airbyte's registry
    monkeypatch.setenv("AIRBYTE_OFFLINE_MODE", "1")
    with Shell(clone(tmp_path / "source-stock-ticker"), tmp_path / "environment") as shell:
        for step in steps((ROOT / "docs" / page).read_text("utf-8")):
            shell.do(step)
