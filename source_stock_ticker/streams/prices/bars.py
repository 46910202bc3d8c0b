"""Turns the API's bars into rows, without network or state. The hot path of a sync.

A bar becomes the same row, whichever endpoint it comes from:

    {"stock_ticker": "AAPL", "date": "2005-02-28", "timestamp": "2005-02-28T05:00:00Z", "open": 44.68, ...}

msgspec decodes a page's bars and checks their types in one pass. Bars and rows are its Structs, which are faster to
create and encode than dicts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from itertools import repeat
from operator import itemgetter, lt
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, ValidationError, convert
from msgspec.json import Decoder
from msgspec.structs import asdict

from ...api import Body, read_body
from ...runtime.errors import UnexpectedResponse
from ...runtime.http.response import Response
from ...runtime.protocol.row_type import INTEGER, NUMBER, Nulled, RowType, with_usual_numbers
from ...trading_days import BarSize, new_york_date, start_of_day

HOUR, MINUTE = 3_600_000, 60_000  # ms
MINUTES = [f"{minute:02d}:00Z" for minute in range(60)]
# ms: the beginning of 1971 (a timestamp in 1970 would be in seconds) and of 2100
EARLIEST, LATEST = 31_536_000_000, 4_102_444_800_000
Number = NUMBER | None


class Bar(Struct, gc=False):
    """A bar from the API: start, open, high, low, close, volume, average price, trades, over the counter."""

    t: Annotated[int, Meta(ge=EARLIEST, lt=LATEST)]  # ms since 1970
    o: Number = None
    h: Number = None
    l: Number = None  # noqa: E741 - the API's own name
    c: Number = None
    v: Number = None
    vw: Number = None
    n: INTEGER | None = None
    otc: bool | None = None


class LooseBar(Bar, gc=False):
    """A bar whose average price and trades can be anything; a value that does not fit becomes null, see `_nulled`."""

    vw: Any = None
    n: Any = None


class Price(Struct, gc=False):
    """A row, with the fields of schemas/stock_prices.json."""

    stock_ticker: str
    date: str
    timestamp: str
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    vwap: Number
    transactions: int | None
    otc: bool
    adjusted: bool


class NulledPrice(Price, Nulled, gc=True, dict=True):
    """A row from a LooseBar."""


BARS: Decoder[Body[list[Bar]]] = Decoder(Body[list[Bar]])
LOOSE_BARS: Decoder[Body[list[Bar]]] = Decoder(Body[list[LooseBar]])
RAW_BARS: Decoder[Body[list[Raw]]] = Decoder(Body[list[Raw]])
RAW_BAR: Decoder[dict[str, Raw]] = Decoder(dict[str, Raw])
KNOWN_KEYS = {*Bar.__struct_fields__, "T"}  # T: the ticker of a grouped bar
# Which numbers are integers, although some JSON writers spell 5 as 5.0; see row_type.py.
BAR_SCHEMA: Mapping[str, Any] = {
    "properties": {
        **{field: {"type": "integer"} for field in ("t", "n")},
        **{field: {"type": "number"} for field in ("o", "h", "l", "c", "v", "vw")},
    }
}
# The fields that can be null according to schemas/stock_prices.json, except the prices and the volume.
OPTIONAL = RowType(
    {"properties": {"vwap": {"type": ["null", "number"]}, "transactions": {"type": ["null", "integer"]}}}
)
BARS_SCHEMA: Mapping[str, Any] = {"properties": {"results": {"items": BAR_SCHEMA}}}


def read_bars(response: Response) -> Body[list[Bar]]:
    """The body of a response with custom bars; LooseBars if necessary. Raises UnexpectedResponse."""
    try:
        return read_body(response, BARS, BARS_SCHEMA)
    except UnexpectedResponse:
        return read_body(response, LOOSE_BARS, BARS_SCHEMA)


def unknown_keys(response: Response) -> set[str]:
    """The keys of a good response's first bar that no row has."""
    bars = response.decoded(RAW_BARS).results
    return RAW_BAR.decode(bars[0]).keys() - KNOWN_KEYS if bars else set()


def rows(ticker: str, bars: list[Bar], size: BarSize, adjusted: bool) -> list[Price]:
    """One ticker's bars as rows, oldest first, each moment once."""
    starts = list(map(_intraday if size.is_intraday else _day, [bar.t for bar in bars]))
    if not all(map(lt, starts, starts[1:])):
        # Not as documented: sort the bars; if a start is repeated, the later bar wins.
        by_start = dict(sorted(zip(starts, bars, strict=True), key=itemgetter(0)))
        starts, bars = list(by_start), list(by_start.values())
    return _rows(repeat(ticker), starts, bars, adjusted)


def rows_of_day(day: str, bars: Mapping[str, Mapping[str, Any]], adjusted: bool) -> list[Price]:
    """Grouped daily bars by ticker, as the same rows that `rows` makes from custom bars. Raises UnexpectedResponse."""
    whole = [with_usual_numbers(bar, BAR_SCHEMA) for bar in bars.values()]
    try:
        checked = _checked(whole)
    except ValidationError as error:
        raise UnexpectedResponse(f"The API sent bars for {day} that are not as documented: {error}.") from None
    return _rows(bars, repeat((day, start_of_day(day))), checked, adjusted)


def _checked(bars: list[Any]) -> Sequence[Bar]:
    try:
        return convert(bars, list[Bar])
    except ValidationError:
        return convert(bars, list[LooseBar])


def _rows(
    tickers: Iterable[str], starts: Iterable[tuple[str, str]], bars: Sequence[Bar], adjusted: bool
) -> list[Price]:
    found = [
        Price(ticker, day, timestamp, bar.o, bar.h, bar.l, bar.c, bar.v, bar.vw, bar.n, bar.otc or False, adjusted)
        for ticker, (day, timestamp), bar in zip(tickers, starts, bars, strict=False)
    ]
    return list(map(_nulled, found)) if bars and isinstance(bars[0], LooseBar) else found


def _nulled(row: Price) -> Price:
    optional = OPTIONAL.row({"vwap": row.vwap, "transactions": row.transactions})
    whole = NulledPrice(**asdict(row) | optional)
    whole.nulled = getattr(optional, "nulled", ())
    return whole


@cache  # as many as there are days with bars: a few thousand
def _day(moment: int) -> tuple[str, str]:
    """New York date of a bar of a day or more, and that date's midnight, when the bar begins."""
    day = new_york_date(moment)
    return day, start_of_day(day)


def _intraday(moment: int) -> tuple[str, str]:
    """New York date and timestamp (start in UTC) of a minute or hour bar."""
    hour, rest = divmod(moment, HOUR)
    day, prefix = _hour(hour)
    minute, ms = divmod(rest, MINUTE)
    return day, prefix + (f"{minute:02d}:{ms / 1000:06.3f}Z" if ms else MINUTES[minute])


@cache
def _hour(hours: int) -> tuple[str, str]:
    """New York date of an hour (since 1970), and the start of its timestamps: 2005-02-28T14:"""
    start = datetime.fromtimestamp(hours * 3600, timezone.utc)
    return new_york_date(hours * HOUR), start.strftime("%Y-%m-%dT%H:")
