"""Tests the seven streams other than the prices, each against the sandbox's data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sandbox_data
from jsonschema import Draft7Validator, FormatChecker
from sandbox_api import SandboxApi
from usual import YEARS, from_the_api

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

SAMPLES = Path(__file__).resolve().parent.parent / "sample_files"
INCREMENTAL = ("stock_prices", "dividends", "splits", "news")


def known(table: list[Row], day: str, tickers: list[str], **config: Any) -> dict[str, Row]:
    """The rows of a table of the sandbox that a config selects, by id."""
    first, last = config["start_date"], config["end_date"]
    return {row["id"]: row for row in table if row["ticker"] in tickers and first <= row[day] <= last}


def dividends_of(api: SandboxApi) -> dict[str, Row]:
    listed = sandbox_data.dividend_rows(api.dividends, api.splits, api.prices, api.today, api.announced())
    return known(listed, "ex_dividend_date", **YEARS)


def splits_of(api: SandboxApi) -> dict[str, Row]:
    return known(sandbox_data.split_rows(api.splits, api.today, api.announced()), "execution_date", **YEARS)


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row["id"]: from_the_api(row) for row in rows}


# --- All at once -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_streams(connect: Callable[[str], Connector]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """One read of all eight streams with the sample catalog, and the schemas that discover shows."""
    with SandboxApi(page_size=3) as api:  # every stream that has pages has some
        connector = connect(api.url)
        config = connector.config(**{**YEARS, "start_date": "2012-02-01", "tickers": ["AAPL", "FB", "IBM"]})
        catalog = str(SAMPLES / "configured_catalog_all_streams.json")
        (discovered,) = connector.run("discover", "--config", config).of_type("CATALOG")
        run = connector.run("read", "--config", config, "--catalog", catalog)
        yield run, {stream["name"]: stream for stream in discovered["streams"]}


def test_one_read_brings_all_eight_streams(all_streams: tuple[Run, dict[str, Any]]) -> None:
    run, described = all_streams
    assert run.exit_code == 0
    # The splits of these stocks were long before: that stream has nothing to tell.
    assert {name for name in described if not run.rows(name)} == {"splits"}
    assert {run.statuses(name)[-1] for name in described} == {"COMPLETE"}


def test_every_row_fits_the_schema_of_its_stream(all_streams: tuple[Run, dict[str, Any]]) -> None:
    run, described = all_streams
    for name, stream in described.items():
        validator = Draft7Validator(stream["json_schema"], format_checker=FormatChecker())
        for row in run.rows(name):
            assert [error.message for error in validator.iter_errors(row)] == []
            assert row.keys() <= stream["json_schema"]["properties"].keys(), name


def test_no_two_rows_of_a_stream_share_a_key(all_streams: tuple[Run, dict[str, Any]]) -> None:
    run, described = all_streams
    for name, stream in described.items():
        keys = [path[0] for path in stream.get("source_defined_primary_key", [])]
        found = [tuple(row[key] for key in keys) for row in run.rows(name)]
        assert not keys or len(set(found)) == len(found), name
        assert not any(value is None for key in found for value in key), name


def test_every_stream_ends_with_a_state(all_streams: tuple[Run, dict[str, Any]]) -> None:
    run, described = all_streams
    assert [state["stream"]["stream_descriptor"]["name"] for state in run.saved()] == list(described)


def test_the_streams_that_have_a_cursor_are_incremental(all_streams: tuple[Run, dict[str, Any]]) -> None:
    _, described = all_streams
    found = {name for name, stream in described.items() if "incremental" in stream["supported_sync_modes"]}
    assert found == set(INCREMENTAL)


@pytest.mark.parametrize("stream", ["dividends", "splits", "news"])
def test_a_second_sync_of_an_unchanged_source_reads_nothing_but_a_lookback(connector: Connector, stream: str) -> None:
    first = connector.read(streams=[stream], **YEARS)
    second = connector.read(streams=[stream], **YEARS, state=first.saved(), lookback_days=0)
    assert first.rows(stream)
    assert (second.exit_code, len(second.rows(stream)) <= 3) == (0, True)  # the newest article of each ticker
    assert second.states(stream)[-1] == first.states(stream)[-1]


@pytest.mark.parametrize("stream", ["dividends", "splits", "news", "tickers"])
def test_the_whole_market_contains_what_the_tickers_contain(connector: Connector, stream: str) -> None:
    listed = connector.read(streams=[stream], **YEARS | {"tickers": ["AAPL", "FB", "GOOG", "IBM", "MSFT"]})
    market = connector.read(streams=[stream], **YEARS | {"tickers": []})

    def lines(run: Run) -> set[str]:
        return {json.dumps(from_the_api(row), sort_keys=True) for row in run.rows(stream)}

    assert market.exit_code == 0
    assert lines(listed) <= lines(market)


@pytest.mark.parametrize("stream", ["dividends", "splits", "news"])
def test_resuming_from_any_state_of_a_stream_loses_nothing(connector: Connector, api: SandboxApi, stream: str) -> None:
    api.page_size = 10
    run = connector.read(streams=[stream], **YEARS)
    cuts = run.killed_after_each_state()
    rests = connector.read_each({"streams": [stream], **YEARS, "state": cut.saved()} for cut in cuts)
    for cut, rest in zip(cuts, rests, strict=True):
        assert cut.table(stream) | rest.table(stream) == run.table(stream), f"resumed from {cut.states(stream)[-1]}"


# --- Dividends and splits: announced, corrected, withdrawn -----------------------------------------------------------


def test_dividends_equal_the_apis(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(streams=["dividends"], **YEARS)
    assert by_id(run.rows("dividends")) == dividends_of(api)


def test_splits_equal_the_apis(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(streams=["splits"], **YEARS)
    assert by_id(run.rows("splits")) == splits_of(api)
    assert [(row["ticker"], row["execution_date"]) for row in run.rows("splits")] == [
        ("AAPL", "2005-02-28"),
        ("MSFT", "2003-02-18"),
    ]


def test_dividends_to_come_are_read_and_hide_none_that_is_announced_later(
    connector: Connector, api: SandboxApi
) -> None:
    api.today = "2012-06-01"
    api.announce_days = 200
    config = YEARS | {"end_date": "2012-12-31"}
    api.dividends.append({"ticker": "IBM", "ex_dividend_date": "2012-12-14", "cash_amount": 9.0})
    first = connector.read(streams=["dividends"], **config)
    assert "2012-12-14" in [row["ex_dividend_date"] for row in first.rows("dividends")]
    api.dividends.append({"ticker": "IBM", "ex_dividend_date": "2012-06-20", "cash_amount": 0.5})
    second = connector.read(streams=["dividends"], **config, state=first.saved())
    assert "2012-06-20" in [row["ex_dividend_date"] for row in second.rows("dividends")]


def a_late_one(rows: list[Row], day: str) -> None:
    rows.append({**rows[-1], "ticker": "IBM", day: "2005-04-05"})


def a_correction(rows: list[Row], day: str) -> None:
    row = next(row for row in rows if row["ticker"] == "MSFT" and row[day] > "2003")
    row |= {"cash_amount": 77.0} if "cash_amount" in row else {"split_to": 7}


@pytest.mark.parametrize("stream", ["dividends", "splits"])
@pytest.mark.parametrize("change", [a_late_one, a_correction])
def test_what_is_announced_late_or_corrected_arrives_with_the_next_sync(
    connector: Connector, api: SandboxApi, stream: str, change: Callable[[list[Row], str], None]
) -> None:
    first = connector.read(streams=[stream], **YEARS)
    if stream == "dividends":
        change(api.dividends, "ex_dividend_date")
    else:
        change(api.splits, "execution_date")
    second = connector.read(streams=[stream], **YEARS, state=first.saved())
    right = dividends_of(api) if stream == "dividends" else splits_of(api)
    assert by_id(first.rows(stream) + second.rows(stream)) == right
    assert len(second.rows(stream)) < len(first.rows(stream)) + 1  # of the tickers that did not change, nothing


def test_only_the_ticker_whose_rows_have_changed_is_sent_again(connector: Connector, api: SandboxApi) -> None:
    first = connector.read(streams=["dividends"], **YEARS)
    a_correction(api.dividends, "ex_dividend_date")
    second = connector.read(streams=["dividends"], **YEARS, state=first.saved())
    assert {row["ticker"] for row in second.rows("dividends")} == {"MSFT"}


@pytest.mark.parametrize("stream", ["dividends", "splits"])
def test_a_withdrawn_row_is_not_sent_again_and_costs_no_other_row(
    connector: Connector, api: SandboxApi, stream: str
) -> None:
    first = connector.read(streams=[stream], **YEARS)
    rows = api.dividends if stream == "dividends" else api.splits
    withdrawn = rows.pop()
    second = connector.read(streams=[stream], **YEARS, state=first.saved())
    right = dividends_of(api) if stream == "dividends" else splits_of(api)
    # The destination keeps the withdrawn row (no message can delete one); all the others are as they should be.
    table = by_id(first.rows(stream) + second.rows(stream))
    assert {key: table[key] for key in right} == right
    assert second.exit_code == 0
    assert withdrawn["ticker"] not in {row["ticker"] for row in second.rows(stream) if row["id"] not in right}


@pytest.mark.parametrize(("stream", "change"), [("dividends", {"end_date": "2012-12-31"}), ("splits", {})])
def test_an_earlier_start_date_brings_the_older_rows(connector: Connector, stream: str, change: dict[str, str]) -> None:
    config = YEARS | change
    first = connector.read(streams=[stream], **config | {"start_date": "2004-01-01"})
    second = connector.read(streams=[stream], **config, state=first.saved())
    full = connector.read(streams=[stream], **config, mode="full_refresh")
    assert first.table(stream) | second.table(stream) == full.table(stream)


def test_a_row_without_an_id_gets_one_that_stays(connector: Connector, api: SandboxApi) -> None:
    def without_id(path: str, body: Any) -> Any:
        for row in body["results"]:
            del row["id"]
        return body

    api.transform = without_id
    first = connector.read(streams=["dividends"], **YEARS)
    second = connector.read(streams=["dividends"], **YEARS)
    assert [row["id"] for row in first.rows("dividends")] == [row["id"] for row in second.rows("dividends")]
    assert len(first.table("dividends")) == len(dividends_of(api))


# --- News ------------------------------------------------------------------------------------------------------------


def test_an_article_about_several_tickers_comes_once_a_sync(connector: Connector) -> None:
    run = connector.read(streams=["news"], **YEARS)
    wanted = {
        article["id"]: article
        for article in sandbox_data.news()
        if set(article["tickers"]) & set(YEARS["tickers"]) and "2003-01-01" <= article["published_utc"] < "2013-03-01"
    }
    assert max(len(set(row["tickers"]) & set(YEARS["tickers"])) for row in run.rows("news")) > 1
    assert len(run.rows("news")) == len(wanted)
    assert by_id(run.rows("news")) == wanted


def test_the_next_sync_reads_the_articles_published_since(connector: Connector, api: SandboxApi) -> None:
    api.today = "2008-10-01"
    first = connector.read(streams=["news"], **YEARS)
    api.today = "2013-03-04"
    second = connector.read(streams=["news"], **YEARS, state=first.saved())
    full = connector.read(streams=["news"], **YEARS, mode="full_refresh")
    assert first.table("news") | second.table("news") == full.table("news")
    assert len(second.rows("news")) < len(full.rows("news"))


def test_a_ticker_added_later_brings_its_old_articles(connector: Connector) -> None:
    first = connector.read(streams=["news"], **YEARS | {"tickers": ["MSFT"]})
    second = connector.read(streams=["news"], **YEARS, state=first.saved())
    full = connector.read(streams=["news"], **YEARS, mode="full_refresh")
    assert first.table("news") | second.table("news") == full.table("news")


def test_an_earlier_start_date_brings_the_older_articles(connector: Connector) -> None:
    first = connector.read(streams=["news"], **YEARS | {"start_date": "2009-01-01"})
    second = connector.read(streams=["news"], **YEARS, state=first.saved())
    full = connector.read(streams=["news"], **YEARS, mode="full_refresh")
    assert first.table("news") | second.table("news") == full.table("news")


# --- Reference lists -------------------------------------------------------------------------------------------------


def test_tickers_contain_delisted_and_over_the_counter_ones(connector: Connector) -> None:
    run = connector.read(streams=["tickers"], tickers=[], mode="full_refresh")
    found = sorted((row["ticker"], row["active"]) for row in run.rows("tickers"))
    assert found == sorted((row["ticker"], row["active"]) for row in sandbox_data.ticker_rows("2013-03-04"))


def test_tickers_equal_the_configs_even_if_the_list_repeats_one(connector: Connector) -> None:
    run = connector.read(streams=["tickers"], tickers=["IBM", "JAVA", "BACpL", "NOPE"], mode="full_refresh")
    found = sorted((row["ticker"], row["active"]) for row in run.rows("tickers"))
    assert found == [("BACpL", True), ("IBM", True), ("IBM", True), ("JAVA", False)]


def test_many_tickers_are_picked_out_of_the_whole_list(connector: Connector, api: SandboxApi) -> None:
    tickers = ["IBM", "JAVA", *(f"T{number}" for number in range(100))]
    run = connector.read(streams=["tickers"], tickers=tickers, mode="full_refresh")
    assert sorted(row["ticker"] for row in run.rows("tickers")) == ["IBM", "IBM", "JAVA"]
    assert len(api.calls()) < 10


def test_details_equal_the_apis(connector: Connector) -> None:
    run = connector.read(streams=["ticker_details"], tickers=["AAPL", "FB"], mode="full_refresh")
    apple, facebook = run.rows("ticker_details")
    assert apple["address"] == sandbox_data.DETAILS["AAPL"]["address"]
    assert (facebook["ticker"], facebook["list_date"]) == ("FB", "2012-05-18")


def test_a_ticker_without_details_is_skipped_and_named_in_the_log(connector: Connector) -> None:
    run = connector.read(streams=["ticker_details"], tickers=["AAPL", "NOPE", "JAVA", "IBM"], mode="full_refresh")
    assert (run.exit_code, [row["ticker"] for row in run.rows("ticker_details")]) == (0, ["AAPL", "IBM"])
    assert [name in run.logs("WARN") for name in ("NOPE", "JAVA", "AAPL")] == [True, True, False]


def test_details_of_the_whole_market_are_refused_with_a_sentence(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(streams=["ticker_details", "exchanges"], tickers=[], mode="full_refresh")
    assert (run.exit_code, run.statuses("exchanges")[-1]) == (1, "COMPLETE")
    assert run.error()["failure_type"] == "config_error"
    assert "tickers" in run.error()["message"]


def test_exchanges_equal_the_apis_even_if_they_share_a_number(connector: Connector) -> None:
    run = connector.read(streams=["exchanges"], mode="full_refresh")
    assert run.rows("exchanges") == sandbox_data.EXCHANGES


def test_holidays_are_the_coming_ones(connector: Connector, api: SandboxApi) -> None:
    api.today = "2013-11-27"
    run = connector.read(streams=["market_holidays"], mode="full_refresh")
    assert run.rows("market_holidays") == sandbox_data.holiday_rows("2013-11-27")
