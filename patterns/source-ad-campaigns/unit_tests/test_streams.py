"""Tests the tables: how a response becomes rows, and where a read resumes."""

import csv
import gzip
import io
import json
import re
import tracemalloc
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from requests.exceptions import ConnectionError as Lost

from source_ad_campaigns import streams
from source_ad_campaigns.runtime.errors import Unavailable, UnexpectedResponse
from source_ad_campaigns.runtime.stream import Stream
from source_ad_campaigns.runtime.testing import StreamContract
from source_ad_campaigns.streams import Accounts, Clicks, Contacts, DailySpend, Deals, csv_page

URL = "https://api.ad-campaigns.example"
ANY = re.compile(URL)
DAYS = ["2024-01-01", "2024-01-31", "2024-02-01", "2024-03-06", "2024-03-07", "2024-03-09"]


class Shop:
    """The API with a few rows, two per page. Tests change them."""

    def __init__(self) -> None:
        self.accounts = [{"id": "a", "name": "A"}, {"id": "b", "name": "B", "currency": "EUR"}]
        self.contacts = [{"id": f"c{day}", "updated_at": f"2024-03-0{day}T06:00:00Z"} for day in (1, 2, 2, 3, 5)]
        self.contacts[2]["id"] = "c2b"
        self.deals = [{"id": id, "amount": "1,234.50", "archived": id == 3} for id in range(1, 6)]
        keys = [{"account_id": account, "date": day} for account in "ab" for day in DAYS]
        self.spend = [{**key, "spend": 1.5, "clicks": 2, "impressions": 100} for key in keys]
        click = {"campaign": 'a "b",\nc', "cost": "1.5"}
        self.clicks = [{"id": str(place), **key, **click} for place, key in enumerate(keys)]
        self.asked: list[tuple[str, str, Any]] = []  # method, path, query or body
        self.instead: list[tuple[str, list[Any]]] = []  # part of a path, what is answered to it until there is no more

    def answer(self, part: str, *answers: Any, status: int = 200, headers: Any = None) -> None:
        """Respond to paths that contain `part`: with bytes, a value for JSON, or an exception."""
        as_sent = [json.dumps(answer) if isinstance(answer, dict | list) else answer for answer in answers]
        self.instead.append((part, [(status, headers or {}, answer) for answer in as_sent]))

    def respond(self, request: Any) -> tuple[int, dict[str, str], Any]:
        url = urlsplit(request.url)
        wanted = json.loads(request.body) if request.body else dict(parse_qsl(url.query))
        self.asked.append((request.method, url.path, wanted))
        for part, answers in self.instead:
            if part in url.path and answers:
                return answers.pop(0)
        body = self.body(url.path.strip("/").split("/"), wanted)
        return 200, {}, body if isinstance(body, bytes) else json.dumps(body)

    def body(self, path: list[str], wanted: dict[str, Any]) -> Any:
        match path:
            case ["accounts"]:
                return {"results": self.accounts}
            case ["contacts", "search"]:
                found = [row for row in self.contacts if row["updated_at"] >= wanted["filter"]["updated_at"]["gte"]]
                after = int(wanted["after"] or 0)
                paging = {"next": {"after": str(after + 2)}} if after + 2 < len(found) else {}
                return {"results": found[after : after + 2], "paging": paging}
            case ["deals"]:
                offset = int(wanted.get("offset", 0))
                return {"results": self.deals[offset : offset + 2], "total": len(self.deals)}
            case ["accounts", account, "daily-spend"]:
                return {"results": self.of(self.spend, account, wanted["from"], wanted["to"])}
            case ["accounts", account, "reports"]:
                return {"id": f"{account}_{wanted['from']}_{wanted['to']}"}
            case ["reports", job]:
                return {"status": "READY", "url": f"{URL}/files/{job}"}
            case ["files", job]:
                return packed(self.of(self.clicks, *job.split("_")))
        raise AssertionError(path)

    def of(self, rows: list[Any], account: str, first: str, last: str) -> list[Any]:
        return [row for row in rows if row["account_id"] == account and first <= row["date"] <= last]

    def paths(self, method: str) -> list[str]:
        return [path for asked_by, path, _ in self.asked if asked_by == method]


def packed(rows: list[dict[str, Any]], columns: list[str] = streams.COLUMNS) -> bytes:
    """A report's file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode())


@pytest.fixture
def shop(server, monkeypatch) -> Shop:
    shop = Shop()
    server.add_callback("GET", ANY, shop.respond)
    server.add_callback("POST", ANY, shop.respond)
    monkeypatch.setattr(streams, "csv_page", partial(csv_page, size=2))
    return shop


class Contract(StreamContract):
    """The contract of every stream, against the API of `shop`."""

    table: type[Stream[Any]]
    config: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _api(self, shop, connect):
        self.connect = connect

    def stream(self) -> Stream[Any]:
        return self.connect(self.table, **self.config)


class TestAccounts(Contract):
    table = Accounts


class TestContacts(Contract):
    table = Contacts


class TestDeals(Contract):
    table = Deals


class TestDailySpend(Contract):
    table = DailySpend


class TestDailySpendOfNamedAccounts(Contract):
    table, config = DailySpend, {"account_ids": ["b"]}


class TestClicks(Contract):
    table = Clicks


# Lists


def test_the_accounts_are_those_in_the_config(connect, read, shop):
    read(connect(Accounts, account_ids=["a", "b"]))
    read(connect(Accounts))
    assert [query for _, _, query in shop.asked] == [{"ids": "a,b"}, {}]


def test_deals_are_read_by_offset_up_to_their_total(connect, read, shop):
    assert [row["id"] for row in read(connect(Deals)).rows] == [1, 2, 3, 4, 5]
    assert [query.get("offset") for _, _, query in shop.asked] == [None, "2", "4"]


def test_an_archived_deal_is_a_row_that_says_so(connect, read, shop):
    archived = {row["id"]: row["archived"] for row in read(connect(Deals)).rows}
    assert (archived[2], archived[3]) == (False, True)
    assert {query["archived"] for _, _, query in shop.asked} == {"include"}


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,234.50", 1234.5), ("1234.50", 1234.5), ("1,250,000", 1250000), ("-80", -80), ("", None), (None, None), (0, 0)],
)
def test_an_amount_is_a_number(text, amount):
    assert streams.number(text) == amount


@pytest.mark.parametrize("text", ["1.234,50", "12,34", "12 EUR", "nan", "1e5"])
def test_what_is_not_an_amount_becomes_null_and_its_record_says_so(text, connect, read, shop):
    shop.deals[0]["amount"] = text
    reading = read(connect(Deals))
    assert (reading.rows[0]["amount"], reading.nulled) == (None, {"amount"})


@pytest.mark.parametrize("body", ["{}", "[]", '{"results": null}', '{"results": [1]}', "Welcome!"])
def test_a_list_without_results_is_refused(body, connect, read, shop):
    shop.answer("/deals", *[body] * 3)
    reading = read(connect(Deals))
    assert (reading.rows, reading.failed) == ([], ["deals"])


# A search


def test_contacts_are_searched_by_their_last_change_and_the_cursor_of_the_pages_is_in_the_body(connect, read, shop):
    assert read(connect(Contacts, start_date="2024-03-02")).rows == shop.contacts[1:]
    search = {"filter": {"updated_at": {"gte": "2024-03-02T00:00:00Z"}}, "sort": "updated_at", "limit": 100}
    assert [body for _, _, body in shop.asked] == [{**search, "after": None}, {**search, "after": "2"}]


def test_the_next_sync_searches_from_the_last_change_on(connect, read, shop):
    state = read(connect(Contacts)).state
    shop.contacts.append({"id": "c1", "updated_at": "2024-03-06T00:00:00Z", "name": "Changed"})
    assert read(connect(Contacts), state).rows == shop.contacts[-2:]


def test_a_search_whose_response_is_lost_is_sent_again(connect, read, shop):
    shop.answer("/search", Lost("lost"))
    assert read(connect(Contacts)).rows == shop.contacts


@pytest.mark.parametrize("status", [200, 429])
def test_a_rate_limit_is_waited_for_whatever_its_status(status, connect, read, shop, slept):
    limited = {"status": "error", "category": "RATE_LIMITS", "message": "slow down"}
    shop.answer("/search", limited, status=status, headers={"Retry-After": "7"})
    assert read(connect(Contacts)).rows == shop.contacts
    assert slept[0] == pytest.approx(7, abs=0.1)


# Windows of days


def test_spend_is_read_in_windows_of_31_days_for_each_account(connect, read, shop):
    assert read(connect(DailySpend)).rows == shop.spend
    windows = [("2024-01-01", "2024-01-31"), ("2024-02-01", "2024-03-02"), ("2024-03-03", "2024-03-09")]
    assert shop.asked[1:] == [
        ("GET", f"/accounts/{account}/daily-spend", {"from": first, "to": last})
        for account in "ab"
        for first, last in windows
    ]


def test_the_next_sync_reads_three_days_again(connect, read, shop):
    state = read(connect(DailySpend)).state
    assert state == {"read": {"a": ["2024-01-01", "2024-03-09"], "b": ["2024-01-01", "2024-03-09"]}}
    shop.spend[4]["spend"] = 99.0
    assert read(connect(DailySpend), state).rows == [row for row in shop.spend if row["date"] >= "2024-03-07"]


def test_an_account_id_can_contain_any_character(connect, read, shop):
    read(connect(DailySpend, account_ids=["a/b?"], start_date="2024-03-09"))
    assert shop.paths("GET") == ["/accounts/a%2Fb%3F/daily-spend"]


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("table", [DailySpend, Clicks])
def test_a_listed_account_that_is_refused_is_left_out_as_a_whole(table, status, connect, read, shop):
    saved = {"read": {"a": ["2024-01-01", "2024-01-01"]}}
    shop.answer("/accounts/a/", {"status": "error", "message": "suspended"}, status=status)  # the first window alone
    reading = read(connect(table), saved)
    assert ({row["account_id"] for row in reading.rows}, reading.failed) == ({"b"}, [])
    assert reading.state["read"]["a"] == saved["read"]["a"]


def test_a_named_account_that_is_refused_is_an_error(connect, shop):
    shop.answer("/accounts/x/", {"status": "error", "message": "no account x"}, status=404)
    stream = connect(DailySpend, account_ids=["x"])
    (window, *_) = stream.slices({"read": {}})
    with pytest.raises(Unavailable, match="no account x"):
        stream.fetch(window, None)
    assert not stream.listed(window)


# Reports


def test_a_report_is_ordered_awaited_and_fetched(connect, read, shop, slept):
    shop.answer("/reports/a_", {"status": "PENDING"}, {"status": "RUNNING"})
    reading = read(connect(Clicks, start_date="2024-03-03", account_ids=["a"]))
    assert [row["date"] for row in reading.rows] == DAYS[3:]
    assert reading.rows[0]["cost"] == 1.5
    wanted = {"columns": streams.COLUMNS, "from": "2024-03-03", "to": "2024-03-09"}
    assert shop.asked[0] == ("POST", "/accounts/a/reports", wanted)
    assert slept == [5, 5]


def test_the_rows_of_a_report_come_page_by_page_whatever_is_quoted_in_them(connect, read, shop):
    reading = read(connect(Clicks, start_date="2024-03-03", account_ids=["a"]))
    assert [row["campaign"] for row in reading.rows] == ['a "b",\nc'] * 3
    stream = connect(Clicks)
    (window, *_) = stream.slices({"read": {}})
    first = stream.parse(window, stream.fetch(window, None))
    again = stream.parse(window, stream.fetch(window, None))
    assert (len(first.rows), first) == (2, again)
    assert stream.parse(window, stream.fetch(window, first.next_page_token)).next_page_token is None


def test_a_page_that_is_requested_again_is_the_same(connect, shop):
    stream = connect(Clicks, start_date="2024-01-01")
    shop.clicks = [{**shop.clicks[0], "id": str(place)} for place in range(7)]
    (window, *_) = stream.slices({"read": {}})
    tokens = [None]
    for _ in range(3):
        tokens.append(stream.parse(window, stream.fetch(window, tokens[-1])).next_page_token)
    pages = [[row["id"] for row in stream.parse(window, stream.fetch(window, token)).rows] for token in tokens[1:3] * 2]
    assert pages == [["2", "3"], ["4", "5"]] * 2


def test_what_a_row_has_beyond_its_columns_is_left_out_and_reported(connect, read, shop):
    head = ",".join(streams.COLUMNS)
    shop.answer("/files/", gzip.compress(f"{head}\n0,a,2024-03-09,c,1,new,newer\n".encode()))
    stream = connect(Clicks, account_ids=["a"], start_date="2024-03-09")
    assert [row["id"] for row in read(stream).rows] == ["0"]
    assert stream.unknown_fields == {"more"}


def test_no_report_stays_open(connect, read, shop):
    stream = connect(Clicks)
    read(stream)
    assert stream._reports == {}


def test_a_report_that_failed_is_ordered_again_by_the_next_sync(connect, read, shop):
    shop.answer("/reports/a_2024-02-01", {"status": "FAILED"})
    first = read(connect(Clicks, account_ids=["a"]))
    assert first.failed == ["a 2024-02-01 to 2024-03-02"]
    second = read(connect(Clicks, account_ids=["a"]), first.state)
    assert {row["id"] for row in first.rows + second.rows} == {"0", "1", "2", "3", "4", "5"}


def test_an_order_whose_response_is_lost_is_not_sent_again(connect, read, shop):
    shop.answer("/reports", Lost("lost"))
    reading = read(connect(Clicks, account_ids=["a"], start_date="2024-03-09"))
    assert (len(shop.asked), reading.failed) == (1, ["a 2024-03-09 to 2024-03-09"])


@pytest.mark.parametrize("path", ["/accounts/a/reports", "/reports/a_"])
def test_an_order_that_the_api_does_not_describe_is_refused(path, connect, read, shop):
    shop.answer(path, {"message": "welcome"})
    assert read(connect(Clicks)).failed == ["a 2024-01-01 to 2024-01-31"]


def test_no_credentials_go_where_the_file_lies(connect, read, server, shop):
    read(connect(Clicks, account_ids=["a"], start_date="2024-03-09"))
    asked = {call.request.url: call.request.headers for call in server.calls}
    signed = {urlsplit(url).path.split("/")[1]: "Authorization" in headers for url, headers in asked.items()}
    assert signed == {"accounts": True, "reports": True, "files": False}


def test_a_file_on_another_host_is_not_fetched(connect, read, shop):
    shop.answer("/reports/", {"status": "READY", "url": "https://elsewhere.example/f"})
    assert read(connect(Clicks, account_ids=["a"], start_date="2024-03-09")).failed == ["a 2024-03-09 to 2024-03-09"]
    assert len(shop.asked) == 2


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"id,account_id\n",
        gzip.compress(b""),
        packed([{"id": "1"}])[:-9],
        packed([{"id": "1"}])[:10] + b"\xff" * 20,
        packed([], ["id", "cost"]),
        gzip.compress(",".join(streams.COLUMNS).encode() + b"\n\xff,a,2024-03-09,c,1\n"),
    ],
    ids=["nothing", "not packed", "empty", "cut", "garbled", "other columns", "no UTF-8"],
)
def test_a_broken_report_is_refused(file, connect, shop):
    shop.answer("/files/", file)
    stream = connect(Clicks)
    (window, *_) = stream.slices({"read": {}})
    with pytest.raises(UnexpectedResponse, match="broken report"):
        stream.parse(window, stream.fetch(window, None))


def test_of_a_large_report_only_a_page_is_in_memory(connect, shop, monkeypatch):
    monkeypatch.setattr(streams, "csv_page", partial(csv_page, size=500))
    many = [{"id": str(place), "account_id": "a", "date": "2024-01-01", "cost": "1.5"} for place in range(10_000)]
    shop.answer("/files/", packed(many))
    stream = connect(Clicks)
    (window, *_) = stream.slices({"read": {}})
    response = stream.fetch(window, None)
    tracemalloc.start()
    try:
        count, page = 0, stream.parse(window, response)
        while page.next_page_token:
            count += len(page.rows)
            page = stream.parse(window, stream.fetch(window, page.next_page_token))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count + len(page.rows) == len(many)
    assert peak < 2_000_000  # bytes; all rows at once take 7,000,000
