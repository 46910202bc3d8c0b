"""An HTTP response whose body has arrived in full, and the JSON in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..errors import UnexpectedResponse, start_of

T = TypeVar("T")
MAX_VALUES = 750_000  # in a response, by its commas: tiny ones take 100 times their size; 50,000 bars have 450,000
ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Response(NamedTuple):
    """path: of the request, without host and query, for messages. headers: by name, in upper or lower case."""

    status: int
    body: bytes | bytearray
    path: str
    headers: Mapping[str, str]

    def json(self, decoder: msgspec.json.Decoder[T] = ANY) -> T:
        """The body, decoded; with a decoder of a type also held against it. Raises UnexpectedResponse.

        A value of another type than the decoder wants raises msgspec.ValidationError, for the caller to look again.
        """
        if len(self.body) > MAX_VALUES and self.body.count(b",") > MAX_VALUES:
            raise UnexpectedResponse(f"The API sent over {MAX_VALUES:,} values for {self.path}.")
        try:
            return decoder.decode(self.body)
        except msgspec.ValidationError:
            if decoder is not ANY:
                raise
            raise UnexpectedResponse(f"The API sent a number out of range for {self.path}.") from None
        except (ValueError, RecursionError) as error:
            sent = "something that is not JSON" if self.body.strip() else "an empty body"
            detail = f"{error}: {start_of(str(self.body))}"
            raise UnexpectedResponse(f"The API sent {sent} for {self.path}.", detail) from None
