"""Adds credentials to requests. Each function returns an auth callable of `requests`: it takes and returns a request.

For tokens that are created at run time see oauth2.py.
"""

from collections.abc import Callable

from requests import PreparedRequest
from requests.auth import HTTPBasicAuth

Authenticate = Callable[[PreparedRequest], PreparedRequest]


def nobody(request: PreparedRequest) -> PreparedRequest:
    """No credentials."""
    return request


def in_header(name: str, value: str) -> Authenticate:
    """A key in a header: X-Api-Key: value."""

    def authenticate(request: PreparedRequest) -> PreparedRequest:
        request.headers[name] = value.strip()  # people paste a newline with it
        return request

    return authenticate


def bearer(token: str) -> Authenticate:
    """A token or key in the header Authorization: Bearer token."""
    return in_header("Authorization", f"Bearer {token}")


def basic(user: str, password: str) -> Authenticate:
    """User name and password by HTTP Basic."""
    return HTTPBasicAuth(user.encode(), password.encode())


def in_parameter(name: str, value: str) -> Authenticate:
    """A key in the URL: ?name=value. Use it only if the API accepts no header: servers log URLs."""

    def authenticate(request: PreparedRequest) -> PreparedRequest:
        request.prepare_url(request.url, {name: value.strip()})
        return request

    return authenticate
