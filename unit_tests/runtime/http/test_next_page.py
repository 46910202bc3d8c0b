"""Tests how to find the next page in the usual kinds of APIs."""

import pytest
from letters_server import HOST

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.pages import (
    next_cursor,
    next_link,
    next_number,
    next_offset,
    own_path,
)
from source_stock_ticker.runtime.http.request import Request
from source_stock_ticker.runtime.http.response import Response


def response(query=None, json=None, **headers):
    return Response(200, b"", "/v1/letters", headers, Request(HOST, query or {}, json=json))


@pytest.mark.parametrize(
    ("query", "rows", "token"),
    [({}, 10, "2"), ({"page": "2"}, 10, "3"), ({"page": None}, 10, "2"), ({"page": 0}, 10, "1"), ({}, 9, None)],
)
def test_the_next_number_follows_a_full_page(query, rows, token):
    assert next_number(response(query), rows, 10) == token


@pytest.mark.parametrize(
    ("query", "rows", "total", "token"),
    [
        ({}, 10, None, "10"),
        ({"offset": "10"}, 10, None, "20"),
        ({"offset": "10"}, 9, None, None),
        ({"offset": "10"}, 9, 20, "19"),
        ({"offset": "10"}, 10, 20, None),
    ],
)
def test_the_next_offset_is_after_the_page(query, rows, total, token):
    assert next_offset(response(query), rows, 10, total=total) == token


def test_an_empty_page_before_the_total_is_refused():
    with pytest.raises(UnexpectedResponse, match="20 rows"):
        next_offset(response({"offset": "10"}), 0, total=20)


def test_without_size_and_total_the_first_empty_page_is_the_last():
    assert [next_offset(response(), rows) for rows in (0, 1)] == [None, "1"]


@pytest.mark.parametrize(("more", "cursor", "token"), [(True, "x", "x"), (False, "x", None), (False, None, None)])
def test_a_cursor_counts_if_there_is_more(more, cursor, token):
    assert next_cursor(more, cursor) == token


@pytest.mark.parametrize("cursor", [None, ""])
def test_more_without_a_cursor_is_refused(cursor):
    with pytest.raises(UnexpectedResponse, match="more pages"):
        next_cursor(True, cursor)


def test_what_was_sent_can_have_been_in_the_body_under_another_name():
    assert next_offset(response(json={"start": 10}), 10, 10, "start") == "20"


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('<https://a.example/x?page=2>; rel="next", <https://a.example/x?page=9>; rel="last"', "?page=2"),
        ('<https://a.example/x?page=1>; rel="prev", <https://a.example/x?page=3>; rel=next', "?page=3"),
        ('<https://a.example/x?page=4>; rel="next last"; title="x"', "?page=4"),
        ('<https://a.example/x?page=1>; rel="prev"', None),
        ('<https://a.example/x?page=2>; title="a=b"; rel="next"', "?page=2"),
        ('<https://a.example/x?page=2>; cursor="a=="; title="a;b, <c>"; Rel=NEXT', "?page=2"),
        ('<https://a.example/x?x=1;y=2,3&page=2>; rel="next"', "?x=1;y=2,3&page=2"),
        ('<https://a.example/x?page=1>; title="; rel=next"; rel=prev', None),
        ("</x?page=2>; rel=next", "?page=2"),
        ("<?page=2>;rel=next", "?page=2"),
        ("", None),
    ],
)
def test_a_link_header_names_the_next_page(header, link):
    request = Request("https://a.example/x")
    of = Response(200, b"", "/x", {"Link": header}, request)
    assert next_link(of, "https://a.example") == (link and f"/x{link}")


def test_a_link_header_that_names_no_link_is_refused():
    with pytest.raises(UnexpectedResponse, match="Link header"):
        next_link(response(Link="nonsense"), HOST)


def test_a_link_header_to_another_host_is_refused():
    with pytest.raises(UnexpectedResponse, match="another host"):
        next_link(response(Link='<https://b.example/x>; rel="next"'), "https://a.example")


def test_without_a_link_header_it_was_the_last_page():
    assert next_link(response(), HOST) is None


@pytest.mark.parametrize(
    ("url", "base", "path"),
    [
        (f"{HOST}/v1/x?page=2", HOST, "/v1/x?page=2"),
        (f"{HOST}/v1/x", HOST, "/v1/x"),
        (f"{HOST}/proxy/v1/x", f"{HOST}/proxy", "/v1/x"),
        ("https://old.example/proxy/x", f"{HOST}/proxy", "/proxy/x"),
        ("/v1/x?page=2", HOST, "/v1/x?page=2"),
    ],
)
def test_a_link_to_our_own_host_is_a_path_after_our_address(url, base, path):
    assert own_path(url, base, {"old.example"}) == path


@pytest.mark.parametrize("url", ["https://other.example/x?key=abc", "//other.example/x", "https://[", 7, None, "", "x"])
def test_any_other_link_is_refused_without_what_can_be_secret_in_it(url):
    with pytest.raises(UnexpectedResponse, match="another host") as raised:
        own_path(url, HOST)
    assert "abc" not in raised.value.detail
