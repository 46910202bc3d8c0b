"""Does what the pages in docs/ tell people to do, and compares what comes out with what they show. (How: pages.py.)"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pages import ALL_TESTS, FILE, SET_UP, TARGETS, WITH_MAKE, Shell, blocks, commands, steps

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = WITH_MAKE

# Named in a sentence, and run by test_readme_commands.py and unit_tests/runtime/entrypoint/.
RUN_ELSEWHERE = {"make demo", "make sync", "python main.py --help"}
# Pages to be followed from the top.
SESSIONS = ["four-commands.md", "tutorial.md", "build-your-own.md", "break-the-api.md", "the-other-half.md"]
SESSIONS += ["recipes.md", "total-returns.md", "airbyte.md", "low-code.md", "engines.md", "lessons.md", "teaching.md"]


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text("utf-8")


@pytest.mark.parametrize("page", SESSIONS)
def test_all_that_a_page_tells_to_do_comes_out_as_it_shows(page: str, shell: Shell) -> None:
    for step in steps(text_of(page)):
        shell.do(step)


@pytest.mark.parametrize("page", SESSIONS)
def test_no_block_of_a_page_is_left_untested(page: str) -> None:
    for paragraph, language, text in blocks(text_of(page)):
        if language != "console" and not FILE.search(paragraph):
            assert language == "json", paragraph
            json.loads(text)


@pytest.mark.parametrize("page", SESSIONS)
def test_a_command_in_a_sentence_is_also_one_to_be_typed(page: str) -> None:
    text = text_of(page)
    known = {step.command for step in commands(text)} | SET_UP | TARGETS | ALL_TESTS | RUN_ELSEWHERE
    mentioned = re.findall(r"`((?:make|python|docker) [^`]+)`", text)
    assert [one for one in mentioned if not any(f"{command} ".startswith(f"{one} ") for command in known)] == []
