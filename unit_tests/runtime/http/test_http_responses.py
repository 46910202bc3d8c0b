"""Tests what a response contains, and where the key goes: into a header, and to no other host."""

import gzip

import pytest
from letters_server import HOST, KEY, MEGABYTE, URL, Body, failure, responds

from source_stock_ticker.runtime.errors import UnexpectedResponse

# A good response


def test_a_response_has_its_status_and_body_and_path(http, client):
    responds(http, 200, body=b'{"letters": []}')
    assert client().get(URL)[:3] == (200, b'{"letters": []}', "/v1/letters")


def test_a_response_has_its_headers_which_can_name_the_next_page(http, client):
    responds(http, 200, headers={"Link": f'<{URL}?page=2>; rel="next"'})
    assert client().get(URL).headers["link"] == f'<{URL}?page=2>; rel="next"'


def test_a_packed_body_is_decompressed(http, client):
    responds(http, 200, body=gzip.compress(b"letters"), headers={"Content-Encoding": "gzip"})
    assert client().get(URL).body == b"letters"


def test_a_body_that_comes_in_pieces_is_put_together(http, client):
    responds(http, 200, body=Body(iter([b"let", b"t", b"ers"])).buffered())
    assert client().get(URL).body == b"letters"


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404, 410, 422])
def test_a_response_that_asking_again_will_not_change_is_the_callers_to_judge(http, client, clock, status):
    responds(http, status, body=b"because")
    assert client(meaning=lambda response: None).get(URL)[:2] == (status, b"because")
    assert len(http.calls) == 1
    assert clock.slept == []


# The key


def test_the_key_travels_in_the_header_alone(http, client):
    responds(http, 503, 200)
    client().get(URL)
    for call in http.calls:
        assert call.request.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in call.request.url
        assert call.request.body is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(http, client, status):
    responds(http, status, headers={"Location": "https://elsewhere.example.com/v1/letters"})
    http.get("https://elsewhere.example.com/v1/letters")
    error = failure(client())
    assert isinstance(error, UnexpectedResponse)
    assert error.message == f"{HOST} redirects to another address; set api_url to the API's own address."
    assert len(http.calls) == 1


@pytest.mark.parametrize("location", ["http://[", "//b/\xff", "http://b:99999999/", "/", ""])
def test_a_redirect_to_an_impossible_address_is_refused_too(http, client, location):
    responds(http, 302, headers={"Location": location})
    assert isinstance(failure(client()), UnexpectedResponse)


def test_the_body_of_a_redirect_is_not_read(http, client):
    body = Body(bytes(MEGABYTE) for _ in range(200))
    responds(http, 302, headers={"Location": "/"}, body=body.buffered())
    failure(client())
    assert body.sent <= MEGABYTE
