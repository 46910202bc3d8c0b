"""Tests the JSON of a response: its content, and the message about invalid JSON."""

import msgspec
import pytest

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.response import MAX_VALUES, Response


class Letter(msgspec.Struct):
    letter: str


LETTERS = msgspec.json.Decoder(list[Letter])


def response(body):
    return Response(200, body, "/v1/letters", {})


def refusal(read):
    with pytest.raises(UnexpectedResponse) as error:
        read()
    return error.value


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_json_is_what_the_body_holds(kind):
    body = kind('{"letters": ["a", "ü", null, 1, 1.5, true]}'.encode())
    assert response(body).json() == {"letters": ["a", "ü", None, 1, 1.5, True]}


def test_a_body_can_be_had_as_the_type_of_a_decoder():
    assert response(b'[{"letter": "a", "new": 1}]').decoded(LETTERS) == [Letter("a")]


@pytest.mark.parametrize(
    ("body", "letter"),
    [
        (b'\xef\xbb\xbf[{"letter": "a"}]', "a"),
        ('[{"letter": "\u00fc"}]'.encode("utf-16"), "\u00fc"),
        (b'[{"letter": "caf\xe9"}]', "caf\ufffd"),
        (b'[{"letter": "half \\ud83d"}]', "half ?"),
        (b'[{"letter": "a\tb\nc"}]', "a\tb\nc"),
    ],
    ids=["byte order mark", "UTF-16", "Latin-1", "half an emoji", "control characters"],
)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_broken_character_costs_itself_not_the_response(body, letter, kind):
    assert response(kind(body)).decoded(LETTERS) == [Letter(letter)]
    assert response(kind(body)).json() == [{"letter": letter}]


def test_a_body_with_a_broken_character_is_the_callers_to_judge_too():
    with pytest.raises(msgspec.ValidationError, match="letter"):
        response(b'\xef\xbb\xbf[{"letter": 1}]').decoded(LETTERS)


def test_json_of_another_type_is_the_callers_to_judge():
    with pytest.raises(msgspec.ValidationError, match="letter"):
        response(b'[{"letter": 1}]').decoded(LETTERS)


def test_a_body_can_be_had_as_a_type():
    assert response(b'{"letter": "a", "new": 1}').json_as(Letter) == Letter("a")


@pytest.mark.parametrize("body", [b'{"letter": 1}', b"{}", b"[]", b"null"])
def test_a_body_of_another_type_is_reported_by_the_path(body):
    message = refusal(lambda: response(body).json_as(Letter)).message
    assert message.startswith("The API sent something unexpected for /v1/letters: ")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>out of order</html>",
        b'{"letters": [',
        b'{"a": 1} {"b": 2}',
        b'{"a": NaN}',
        b'{"a": "\xff", "b": NaN}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=["HTML", "cut", "two values", "NaN", "Latin-1 and NaN", "cut and deep", "deep"],
)
def test_what_is_not_json_is_reported_by_the_path(body):
    assert refusal(response(body).json).message == "The API sent something that is not JSON for /v1/letters."


@pytest.mark.parametrize("body", [b"<html>", b'[{"letter": "a"}, {"letter"', b'[{"letter": "\xff"}'])
def test_what_is_not_json_is_reported_too_where_a_type_is_expected(body):
    message = refusal(lambda: response(body).decoded(LETTERS)).message
    assert message == "The API sent something that is not JSON for /v1/letters."


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_reported_as_empty(body):
    assert refusal(response(body).json).message == "The API sent an empty body for /v1/letters."


def test_the_start_of_what_is_not_json_is_in_the_detail():
    detail = refusal(response(b"<html> " + b"x" * 10_000).json).detail
    assert "<html>" in detail
    assert len(detail) < 1000


def test_a_number_that_no_computer_can_hold_is_not_a_number():
    message = refusal(response(b'{"size": 1e999}').json).message
    assert message.startswith("The API sent something unexpected for /v1/letters: Number out of range")


def test_so_many_tiny_values_that_they_would_fill_the_memory_are_refused():
    message = refusal(response(b"[" + b"0," * MAX_VALUES + b"0,0]").json).message
    assert message == "The API sent more than 750,000 values for /v1/letters."


def test_as_many_values_as_an_honest_response_can_have_are_read():
    assert len(response(b"[" + b"0," * MAX_VALUES + b"0]").json()) == MAX_VALUES + 1
