"""Checks what docs/ says about files and sizes. (Links: test_readme.py; commands: integration_tests/.)"""

import inspect
import json
import re
import runpy
from pathlib import Path

import pytest

from source_stock_ticker.runtime.protocol.catalog import configured_streams
from source_stock_ticker.runtime.protocol.state import saved_states
from source_stock_ticker.runtime.source import Source
from source_stock_ticker.runtime.stream import Stream
from source_stock_ticker.streams.reference import Exchanges

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


def test_the_readme_is_short_and_shows_the_code_of_a_stream() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 180
    first_screen = readme.partition("\n## ")[0]
    assert f"```python\n{inspect.getsource(Exchanges)}```" in first_screen


def test_the_picture_of_a_read_is_drawn_from_its_text() -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "draw_read.py"))
    page = (ROOT / "docs" / "code-map.md").read_text("utf-8")
    assert drawing["picture"](page) == (ROOT / "docs" / "read.svg").read_text("utf-8")
    names_of_steps = {step.name for step in drawing["steps"](page)}
    modules = {name for name in names_of_steps if name.endswith(".py")}
    for name in modules:
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "source_stock_ticker")), name
    methods = [*vars(Stream), *vars(Source)]
    assert [name for name in names_of_steps - modules if name not in methods] == []


def test_every_page_is_in_the_navigation_of_the_docs_site() -> None:
    config = (ROOT / "docs" / "site" / "mkdocs.yml").read_text("utf-8")
    named = re.findall(r"^ +- (?:.+: )?(\S+\.md)$", config, re.MULTILINE)
    pages = {str(page.relative_to(ROOT)) for where in ("*.md", "docs/**/*.md") for page in ROOT.glob(where)}
    assert pages - set(named) == set(), "add a line under nav in docs/site/mkdocs.yml"
    assert [page for page in named if not (ROOT / page).is_file()] == []
    assert len(named) == len(set(named))
