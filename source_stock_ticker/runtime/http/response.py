"""An HTTP response whose body has arrived in full, and the JSON in it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..errors import UnexpectedResponse, start_of
from .request import Request

T = TypeVar("T")
MAX_VALUES = 750_000  # in a response, by its commas; once decoded, tiny values take 100 times their size
ANYTHING = msgspec.json.Decoder(Any)


class Response(NamedTuple):
    """path: of the request, without host and query, for messages. headers: by name, in upper or lower case."""

    status: int
    body: bytes | bytearray
    path: str
    headers: Mapping[str, str]
    request: Request = Request("")

    def json(self) -> Any:
        """What the body holds. Raises UnexpectedResponse."""
        try:
            return self.decoded(ANYTHING)
        except msgspec.ValidationError as error:
            raise UnexpectedResponse(f"The API sent a number out of range for {self.path}.", str(error)) from None

    def json_as(self, kind: type[T]) -> T:
        """What the body holds as that type, such as a msgspec.Struct. Raises UnexpectedResponse."""
        try:
            return self.decoded(msgspec.json.Decoder(kind))
        except msgspec.ValidationError as error:
            raise UnexpectedResponse(f"The API sent something unexpected for {self.path}: {error}.") from None

    def decoded(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body as the decoder's type. Raises UnexpectedResponse, or for JSON of another type ValidationError."""
        if len(self.body) > MAX_VALUES and self.body.count(b",") > MAX_VALUES:
            raise UnexpectedResponse(f"The API sent over {MAX_VALUES:,} values for {self.path}.")
        try:
            return decoder.decode(self.body)
        except msgspec.ValidationError:
            raise
        except (ValueError, RecursionError) as error:
            sent = "something that is not JSON" if self.body.strip() else "an empty body"
            detail = f"{error}: {start_of(str(self.body))}"
            raise UnexpectedResponse(f"The API sent {sent} for {self.path}.", detail) from None
