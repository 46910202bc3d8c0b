"""Who asks: puts credentials into a request. Each is a callable as `requests` has them, from request to request.

A token that is made at run time: oauth2.py.
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
        request.headers[name] = value.strip()  # people paste a newline along
        return request

    return authenticate


def bearer(token: str) -> Authenticate:
    """A token or key in the header Authorization: Bearer token."""
    return in_header("Authorization", f"Bearer {token}")


def basic(user: str, password: str) -> Authenticate:
    """User and password by HTTP Basic."""
    return HTTPBasicAuth(user.encode(), password.encode())


def in_parameter(name: str, value: str) -> Authenticate:
    """A key in the address: ?name=value. Only where the API takes no header: addresses land in the logs of servers."""

    def authenticate(request: PreparedRequest) -> PreparedRequest:
        request.prepare_url(request.url, {name: value.strip()})
        return request

    return authenticate
