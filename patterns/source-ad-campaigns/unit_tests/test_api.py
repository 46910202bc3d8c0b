"""Tests what responses mean, and how to sign in to the API."""

import json

import pytest

from source_ad_campaigns.api import meaning
from source_ad_campaigns.runtime.errors import CredentialsError, Unavailable, UnexpectedResponse
from source_ad_campaigns.runtime.http.meaning import Again, Wait
from source_ad_campaigns.runtime.http.response import Response


def response(status: int, body: object, path: str = "/deals") -> Response:
    return Response(status, json.dumps(body).encode() if isinstance(body, dict) else body, path, {})


def error(category: str = "INTERNAL") -> dict[str, str]:
    return {"status": "error", "category": category, "message": "what the API says"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"results": []}, None),
        (201, {"id": "r1"}, None),
        (200, {"status": "PENDING"}, None),
        (200, b"\x1f\x8b of a file", None),
        (200, error("RATE_LIMITS"), Wait),
        (429, error("RATE_LIMITS"), Wait),
        (429, b"slow down", Wait),
        (200, error(), UnexpectedResponse),
        (400, error(), UnexpectedResponse),
        (401, error(), CredentialsError),
        (403, error(), Unavailable),
        (404, error(), Unavailable),
        (410, b"", Unavailable),
        (503, b"<html>", Again),
        (500, error(), Again),
    ],
)
def test_the_status_and_category_decide_what_a_response_means(status, body, kind):
    meant = meaning(response(status, body))
    assert type(meant) is (type(None) if kind is None else kind)


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_refusal_says_what_the_api_says_and_for_which_path(status):
    message = str(meaning(response(status, error())))
    assert f'/deals (HTTP {status}). The API says: "what the API says"' in message


@pytest.mark.parametrize("status", [400, 402, 409])
def test_a_refusal_in_other_words_is_one_too(status):
    assert isinstance(meaning(response(status, b"no")), UnexpectedResponse)


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/accounts/a/daily-spend", Unavailable),
        ("/accounts/a/reports", Unavailable),
        ("/reports/r1", UnexpectedResponse),
        ("/v2/files/r1.csv.gz", UnexpectedResponse),
    ],
)
def test_a_report_that_vanished_says_nothing_of_its_account(path, status, kind):
    assert type(meaning(response(status, error(), path))) is kind
