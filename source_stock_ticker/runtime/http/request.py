"""Describes an HTTP request as a value."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

REPEATABLE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}  # sending one twice has the same effect as once (RFC 9110)


class Request(NamedTuple):
    """One request to an API.

    query: the URL's parameters; a list is repeated (a=1&a=2), True becomes true. Parameters and headers that are None
    are left out. json, form: the body, at most one of them. repeatable: whether it can be sent again if its outcome is
    unknown; None: depends on the method. A POST that only searches is repeatable; one that creates something is not.
    """

    url: str
    query: Mapping[str, Any] = {}
    method: str = "GET"
    headers: Mapping[str, str | None] = {}
    json: Any = None
    form: Mapping[str, Any] | None = None
    repeatable: bool | None = None

    @property
    def address(self) -> str:
        """The URL with its query."""
        filled = {name: value for name, value in self.query.items() if value is not None}
        filled = {name: str(value).lower() if isinstance(value, bool) else value for name, value in filled.items()}
        query = urlencode(filled, doseq=True)
        return self.url + ("&" if "?" in self.url else "?") * bool(query) + query

    @property
    def path(self) -> str:
        """The URL without host and query, as messages name it."""
        return "/" + self.url.split("?")[0].split("/", 3)[-1]

    @property
    def may_be_repeated(self) -> bool:
        return self.method in REPEATABLE if self.repeatable is None else self.repeatable

    def sent(self, parameter: str) -> Any:
        """The value of a parameter, in the query or in the body; None if it was not sent."""
        body = self.json if isinstance(self.json, Mapping) else self.form or {}
        return self.query.get(parameter, body.get(parameter))


def without_queries(text: str) -> str:
    """The text with no query in its URLs: the query of a file's address can be a signature that lets anyone read it."""
    return re.sub(r"\?[^\s'\"]*", "", text)
