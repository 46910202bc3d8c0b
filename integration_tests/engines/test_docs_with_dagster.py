"""What docs/engines.md tells people to do with Dagster: the ordinary tests leave it out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT, WITH_MAKE, Shell, clone, steps


@WITH_MAKE
def test_all_that_the_page_tells_to_do_comes_out_as_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with Shell(clone(tmp_path / "source-stock-ticker")) as shell:
        for step in steps((ROOT / "docs" / "engines.md").read_text("utf-8")):
            shell.do(step)
