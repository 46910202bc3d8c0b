"""Runs the code in docs/rest-apis.md: what it defines is used against an API."""

import io
import json
import logging
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import responses

from source_stock_ticker.runtime.errors import TransientError, Unavailable, UnexpectedResponse
from source_stock_ticker.runtime.stream import Unread
from source_stock_ticker.runtime.testing import read_stream

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rest-apis.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
HOST, LOGGER = "https://api.example.com", logging.getLogger("airbyte")
SETTINGS = SimpleNamespace(
    start=datetime(2024, 1, 1, tzinfo=timezone.utc), now=datetime(2024, 2, 15, tzinfo=timezone.utc)
)
TYPES = {"type": ["string", "integer", "null"]}


@pytest.fixture
def page() -> SimpleNamespace:
    """Everything that the page defines."""
    defined: dict[str, Any] = {"__name__": "source_stock_ticker.of_the_page"}
    for block in BLOCKS:
        exec(compile(block, "docs/rest-apis.md", "exec"), defined)
    return SimpleNamespace(**defined)


@pytest.fixture
def http(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield http


def stream(kind: type, page: SimpleNamespace, *fields: str) -> Any:
    """A stream of the page, with a schema of these fields."""
    schema = {"type": "object", "properties": dict.fromkeys(fields, TYPES)}
    made = type(kind.__name__, (kind,), {"json_schema": lambda self: schema, "primary_key": ()})
    client = page.client({"api_key": "key"}, LOGGER)
    found = made.__new__(made)
    if "__init__" in vars(kind):
        found.__init__(client, SETTINGS)
    else:
        found.client, found.cursor = client, page.Days(SETTINGS.start.date(), 1, last=SETTINGS.start.date())
    return found


def test_the_page_has_code() -> None:
    assert len(BLOCKS) > 8


def test_a_search_can_be_repeated(page: SimpleNamespace) -> None:
    assert page.search(HOST, "2024", None).may_be_repeated


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, {}, "Wait"),
        (401, {}, {}, "CredentialsError"),
        (410, {}, {}, "Unavailable"),
        (200, {}, {"status": "error", "message": "out of order"}, "Again"),
        (200, {}, {"status": "ok"}, "NoneType"),
        (200, {}, {}, "NoneType"),
        (429, {}, {}, "Wait"),
    ],
)
def test_a_response_means_what_it_says(page: SimpleNamespace, status: int, headers: Any, body: Any, kind: str) -> None:
    found = page.meaning(page.Response(status, json.dumps(body).encode(), "/search", headers))
    assert type(found).__name__ == kind


def test_a_new_refresh_token_goes_to_the_platform(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    http.post(f"{HOST}/oauth/token", json={"access_token": "t", "refresh_token": "new"})
    http.get(f"{HOST}/me")
    saved: list[Any] = []
    source = SimpleNamespace(hide=lambda *secrets: None, save_config=saved.append)
    config = {"api_url": HOST, "credentials": {"client_id": "me", "client_secret": "s", "refresh_token": "old"}}
    page.signed_in(source, config, LOGGER).get(f"{HOST}/me")
    assert http.calls[1].request.headers["Authorization"] == "Bearer t"
    assert saved == [{**config, "credentials": {**config["credentials"], "refresh_token": "new"}}]


@pytest.mark.parametrize(
    ("parse", "body", "headers", "token"),
    [
        ("parse_numbered", [{"id": i} for i in range(100)], {}, "2"),
        ("parse_offset", {"deals": [{"id": 1}], "total": 2}, {}, "1"),
        ("parse_linked", [{"id": 1}], {"Link": f'<{HOST}/x?page=2>; rel="next"'}, "/x?page=2"),
        ("parse_linked", [{"id": 1}], {}, None),
        ("parse_with_a_cursor", {"items": [], "next": "abc", "has_more": True}, {}, "abc"),
        ("parse_with_a_cursor", {"items": [], "next": "abc", "has_more": False}, {}, None),
    ],
)
def test_a_page_names_the_next(page: SimpleNamespace, parse: str, body: Any, headers: Any, token: str) -> None:
    of = SimpleNamespace(row=dict, api_url=HOST)
    response = page.Response(200, json.dumps(body).encode(), "/x", headers)
    assert getattr(page, parse)(of, "slice", response).next_page_token == token


@pytest.mark.parametrize("parse", ["parse_numbered", "parse_offset", "parse_linked", "parse_with_a_cursor"])
def test_a_body_without_rows_is_no_page_and_no_bug(page: SimpleNamespace, parse: str) -> None:
    of = SimpleNamespace(row=dict, api_url=HOST)
    with pytest.raises(UnexpectedResponse):
        getattr(page, parse)(of, "slice", page.Response(200, b"{}", "/x", {}))


def test_issues_are_read_newest_first(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    http.get(f"{HOST}/issues", json=[{"id": day, "updated_at": f"2024-02-0{day}T00:00:00Z"} for day in (3, 2)])
    reading = read_stream(stream(page.Issues, page, "id", "updated_at"))
    assert reading.state == {"read": {"": ["2024-01-01T00:00:00Z", "2024-02-03T00:00:00Z"]}}


def test_spend_is_read_by_windows(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    http.get(re.compile(f"{HOST}/account-./spend"), json=[])
    reading = read_stream(stream(page.Spend, page, "account", "day"))
    assert len(http.calls) >= 4
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=1)
    assert reading.state["read"]["account-2"] == ["2024-01-01", yesterday.isoformat()]


def test_the_parents_are_those_of_the_stream(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    http.get(f"{HOST}/issues", json=[{"full_name": "me/x", "updated_at": "2024-02-01T00:00:00Z"}])
    assert list(page.repositories(stream(page.Issues, page, "full_name", "updated_at"), LOGGER)) == ["me/x"]


def test_children_have_a_slice_for_each_parent(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    for issue in "12":
        http.get(f"{HOST}/issues/{issue}/comments", json=[{"id": issue}])
    comments = stream(page.Comments, page, "id")
    comments.issues = ["1", Unread("the issues of x", TransientError("Down.")), "2"]
    reading = read_stream(comments)
    assert ([row["id"] for row in reading.rows], reading.failed) == (["1", "2"], ["the issues of x"])


def test_what_the_config_does_not_name_was_listed(page: SimpleNamespace) -> None:
    of = SimpleNamespace(named_in_the_config={"a"})
    assert [page.listed(of, SimpleNamespace(parent=parent)) for parent in "ab"] == [False, True]
    assert issubclass(page.Unavailable, Unavailable)


def test_a_report_is_read_piece_by_piece(page: SimpleNamespace, http: responses.RequestsMock) -> None:
    lines = "".join(f"2024-01-01,{number}\n" for number in range(200_000))
    http.post(f"{HOST}/reports", json={"id": 7})
    http.get(f"{HOST}/reports/7", json={"url": None})
    http.get(f"{HOST}/reports/7", json={"url": f"{HOST}/files/7"})
    http.get(f"{HOST}/files/7", body=io.BytesIO(lines.encode()).read())
    rows = read_stream(stream(page.Clicks, page, "day", "clicks")).rows
    assert [row["clicks"] for row in rows] == list(range(200_000))
