"""Holds an HTTP response whose body has arrived completely, and decodes its JSON."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..errors import UnexpectedResponse, start_of
from .request import Request

T = TypeVar("T")
MAX_VALUES = 750_000  # in a response, by its commas; decoded, tiny values take 100 times their size


class Response(NamedTuple):
    """path: of the request, without host and query, for messages. headers: names in upper or lower case."""

    status: int
    body: bytes | bytearray
    path: str
    headers: Mapping[str, str]
    request: Request = Request("")

    def json(self) -> Any:
        """The JSON in the body. Raises UnexpectedResponse."""
        return self.json_as(Any)

    def json_as(self, kind: type[T]) -> T:
        """The JSON in the body as that type, such as a msgspec.Struct. Raises UnexpectedResponse."""
        try:
            return self.decoded(msgspec.json.Decoder(kind))
        except msgspec.ValidationError as error:
            raise UnexpectedResponse(f"The API sent something unexpected for {self.path}: {error}.") from None

    def decoded(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body as the decoder's type. Raises UnexpectedResponse, or ValidationError for JSON of another type."""
        if len(self.body) > MAX_VALUES and self.body.count(b",") > MAX_VALUES:
            raise UnexpectedResponse(f"The API sent more than {MAX_VALUES:,} values for {self.path}.")
        try:
            return _decoded(self.body, decoder)
        except msgspec.ValidationError:
            raise
        except (ValueError, RecursionError) as error:
            sent = "something that is not JSON" if self.body.strip() else "an empty body"
            detail = f"{error}: {start_of(str(self.body))}"
            raise UnexpectedResponse(f"The API sent {sent} for {self.path}.", detail) from None


def _decoded(body: bytes | bytearray, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as the decoder's type. A byte order mark or a broken character must not cost all rows."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        if isinstance(error, msgspec.ValidationError):
            raise
    text = bytes(body).decode(json.detect_encoding(body), errors="replace")
    return decoder.decode(json.dumps(json.loads(text, strict=False), ensure_ascii=False).encode(errors="replace"))
