"""Checks what docs/ says about files and sizes. (Links: test_readme.py; commands: integration_tests/.)"""

import json
import re
from pathlib import Path

import pytest

from source_stock_ticker.runtime.protocol.catalog import configured_streams
from source_stock_ticker.runtime.protocol.state import saved_states

ROOT = Path(__file__).resolve().parent.parent


def test_the_state_files_and_catalogs_in_the_recipes_are_taken() -> None:
    samples = re.findall(r"`([\[{].*?|null)`", (ROOT / "docs" / "recipes.md").read_text("utf-8"))
    catalogs = [json.loads(sample) for sample in samples if '"streams"' in sample]
    assert [stream.name for catalog in catalogs for stream in configured_streams(catalog)] == ["stock_prices"]
    states = [saved_states(sample, {"stock_prices"}) for sample in samples if '"streams"' not in sample]
    assert states.count({("stock_prices", None): {}}) == 5
    assert states.count({}) == 3


def test_the_choices_page_states_the_size_of_the_runtime() -> None:
    told = re.search(r"about\s+(\d+) files and ([\d,]+) lines", (ROOT / "docs" / "choices.md").read_text("utf-8"))
    assert told
    files = list((ROOT / "source_stock_ticker" / "runtime").rglob("*.py"))
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    assert int(told[1]) == pytest.approx(len(files), rel=0.1)
    assert int(told[2].replace(",", "")) == pytest.approx(lines, rel=0.1)
