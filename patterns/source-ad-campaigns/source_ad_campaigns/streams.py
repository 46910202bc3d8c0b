"""Defines the tables. Each class names its pattern.

Table         what all tables share: the API, how a response becomes rows
Accounts      a list in one response; the parents of DailySpend and Clicks
Contacts      what has changed since a moment, with a POST that only searches
Deals         offsets; amounts that are strings; deletions
DailySpend    windows of at most 31 days for each account; the last days are read again
Clicks        the same, but each window is a report: a job, then a file
"""

import csv
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import date
from gzip import GzipFile
from itertools import islice
from pathlib import Path
from typing import Any

from .api import PAGE_SIZE, Api, page_of
from .runtime.cursors import CursorStream, Days, Moment, Window, moment
from .runtime.errors import UnexpectedResponse
from .runtime.http.response import Response
from .runtime.stream import Page, Stream

COLUMNS = ["id", "account_id", "date", "campaign", "cost"]  # of the report


class Table(Stream[Any]):
    """Rows with the API's own field names."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: Api, config: Mapping[str, Any]) -> None:
        self._api, self.client, self._named_accounts = api, api.client, config.get("account_ids", [])

    def parse(self, stream_slice: Any, response: Any) -> Page:
        rows, next_page = page_of(response)
        return Page(list(map(self.row, rows)), next_page)


class Accounts(Table):
    """The accounts that the config names, or all. Pattern: a list in one response."""

    name = "accounts"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.send("GET", "accounts", ids=",".join(self._named_accounts) or None)


class Contacts(CursorStream, Table):
    """People, as they change. Pattern: a POST that only searches; the page cursor goes back in the body."""

    name = "contacts"
    primary_key = ("id",)
    cursor_field = "updated_at"

    def __init__(self, api: Api, config: Mapping[str, Any]) -> None:
        super().__init__(api, config)
        self.cursor = Moment(moment(f"{config['start_date']}T00:00:00Z"))

    def fetch(self, stream_slice: Window, page_token: str | None) -> Response:
        since = {"updated_at": {"gte": stream_slice.since}}
        search = {"filter": since, "sort": "updated_at", "limit": PAGE_SIZE, "after": page_token}  # oldest first
        return self._api.send("POST", "contacts", "search", body=search, repeatable=True)


class Deals(Table):
    """Sales. Pattern: offsets; amounts that are strings; a deletion is a row with a mark (a tombstone)."""

    name = "deals"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.send("GET", "deals", archived="include", offset=page_token, limit=PAGE_SIZE)

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return super().row({**item, "amount": number(item.get("amount"))})


class DailySpend(CursorStream, Table):
    """What advertisements cost. Pattern: windows of days, and an entry in the state for each account."""

    name = "daily_spend"
    primary_key = ("account_id", "date")
    cursor_field = "date"

    def __init__(self, api: Api, config: Mapping[str, Any], accounts: Iterable[Any]) -> None:
        super().__init__(api, config)
        # The API refuses longer windows, and corrects its numbers for three days.
        self.cursor = Days(date.fromisoformat(config["start_date"]), window=31, lookback=3)
        self._accounts = accounts

    def parents(self) -> Iterable[Any]:
        return self._accounts

    def listed(self, stream_slice: Window) -> bool:
        return not self._named_accounts  # a refused account is skipped if the API listed it

    def fetch(self, stream_slice: Window, page_token: str | None) -> Any:
        return self._api.send("GET", "accounts", stream_slice.parent, "daily-spend", **days(stream_slice))


class Clicks(DailySpend):
    """Each click. Pattern: a report job; its file is read page by page, and the page token is the offset in it."""

    name = "clicks"
    primary_key = ("account_id", "id")

    def __init__(self, api: Api, config: Mapping[str, Any], accounts: Iterable[Any]) -> None:
        super().__init__(api, config, accounts)
        self._reports: dict[Window, GzipFile] = {}  # those being read now

    def fetch(self, stream_slice: Window, page_token: str | None) -> Any:
        if page_token is None:
            self._reports[stream_slice] = self._api.report(stream_slice.parent, columns=COLUMNS, **days(stream_slice))
        return int(page_token or 0)

    def parse(self, stream_slice: Window, response: Any) -> Page:
        rows, place = csv_page(self._reports[stream_slice], response)
        page = Page(list(map(self.row, rows)), place)
        if place is None:
            self._reports.pop(stream_slice).close()
        return page

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return super().row({**item, "cost": number(item["cost"])})


def days(window: Window) -> dict[str, Any]:
    return {"from": window.since, "to": window.until}


def number(amount: Any) -> Any:
    """A number from "1,234.50", null from "". Any other value stays unchanged, for `row` to check."""
    if isinstance(amount, str) and re.fullmatch(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", amount):
        return float(amount.replace(",", ""))
    return None if amount == "" else amount


def csv_page(file: GzipFile, place: int, size: int = 5000) -> tuple[list[dict[str, Any]], str | None]:
    """The rows from an offset in a report (0: its start), and the offset after them; None: there are no more."""
    lines = map(bytes.decode, iter(file.readline, b""))  # without read-ahead: the position is after a row
    reader = csv.DictReader(lines, COLUMNS if place else None, restkey="more")
    try:
        file.seek(place)
        rows = list(islice(reader, size))
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"its columns are {reader.fieldnames}")
    except (EOFError, OSError, ValueError, zlib.error, csv.Error) as error:
        raise UnexpectedResponse("The API sent a broken report.", repr(error)) from None
    return rows, str(file.tell()) if len(rows) == size else None
