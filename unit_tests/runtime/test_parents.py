"""Tests the parents of child streams: how often and how fast they are read, and the effect of their failures."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from source_stock_ticker.runtime.errors import (
    CredentialsError,
    SkipSlice,
    TransientError,
    Unavailable,
)
from source_stock_ticker.runtime.parents import Parents
from source_stock_ticker.runtime.stream import Page, Stream, Unread


class Repositories(Stream[str]):
    """The repositories of some organizations: {"org": [["a", "b"], ["c"]]} has two pages; an exception is raised."""

    name = "repositories"

    def __init__(self, api: dict[str, Any], listed: bool = False, at_once: int = 1) -> None:
        self.api, self._listed = api, listed
        self.fetched: list[str] = []
        self.together = threading.Barrier(at_once)

    def slices(self, state: Any) -> Iterator[str | Unread]:
        for name, pages in self.api.items():
            yield Unread(name, pages) if isinstance(pages, Exception) else name

    def listed(self, stream_slice: str) -> bool:
        return self._listed

    def fetch(self, stream_slice: str, page_token: str | None) -> Any:
        self.together.wait(timeout=10)
        self.fetched.append(stream_slice)
        number = int(page_token or 0)
        response = self.api[stream_slice][number]
        if isinstance(response, Exception):
            raise response
        return response, str(number + 1) if number + 1 < len(self.api[stream_slice]) else None

    def parse(self, stream_slice: str, response: Any) -> Page:
        return Page([{"id": name} for name in response[0]], response[1])


def parents(stream: Stream[Any], workers: int = 1) -> Parents[str]:
    return Parents(stream, lambda row: row["id"].upper(), workers, logging.getLogger("airbyte"))


API = {"x": [["a", "b"], ["c"]], "y": [["d"]]}


def test_they_come_page_by_page_and_in_order():
    assert list(parents(Repositories(API), workers=4)) == ["A", "B", "C", "D"]


def test_they_are_read_once_however_many_need_them():
    stream = Repositories(API)
    found = parents(stream)
    assert list(found) == list(found) == ["A", "B", "C", "D"]
    assert stream.fetched == ["x", "x", "y"]


def test_one_that_comes_twice_is_one_parent():
    assert list(parents(Repositories({"x": [["a", "b"], ["b", "c"]]}))) == ["A", "B", "C"]


def test_what_has_no_children_is_left_out():
    logger = logging.getLogger("airbyte")
    found = Parents(Repositories(API), lambda row: None if row["id"] == "b" else row["id"], 1, logger)
    assert list(found) == list(found) == ["a", "c", "d"]


def test_several_are_read_at_once():
    api = {name: [[name]] for name in "abcd"}
    assert list(parents(Repositories(api, at_once=4), workers=4)) == list("ABCD")  # each waits for three others


def test_the_first_are_there_before_all_are_read():
    stream = Repositories({name: [[name]] for name in "abcdefgh"})
    assert next(iter(parents(stream))) == "A"
    assert len(stream.fetched) < 8


def test_one_that_fails_is_named_and_the_others_come():
    down = TransientError("The API is down.")
    found = parents(Repositories({"x": [["a"], down], "y": [["d"]], "z": down}))
    assert list(found) == [
        "A",
        Unread("the repositories of x", down),
        "D",
        Unread("the repositories of z", down),
    ]


@pytest.mark.parametrize(("error", "listed"), [(Unavailable("Gone."), True), (SkipSlice("Empty."), False)])
def test_one_that_is_gone_is_left_out_with_a_warning(error, listed, caplog):
    assert list(parents(Repositories({"x": [error], "y": [["d"]]}, listed=listed))) == ["D"]
    assert caplog.messages == [f"repositories: skipped x. {error.message}"]


def test_one_that_the_config_names_and_that_is_gone_is_missing():
    gone = Unavailable("Gone.")
    assert list(parents(Repositories({"x": [gone], "y": [["d"]]}))) == [Unread("the repositories of x", gone), "D"]


@pytest.mark.parametrize("error", [CredentialsError("No."), KeyError("bug")])
def test_what_would_fail_for_all_is_raised_and_read_again_by_the_next(error):
    stream = Repositories({"x": [error], "y": [["d"]]})
    found = parents(stream)
    for _ in range(2):
        with pytest.raises(type(error)):
            list(found)
