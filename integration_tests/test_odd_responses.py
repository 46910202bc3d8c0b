"""Tests odd responses to the seven streams other than the prices: new fields, bad values, no rows, nonsense."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from usual import YEARS, from_the_api

if TYPE_CHECKING:
    from conftest import Connector

REFERENCE = ["dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays"]


def test_undeclared_fields_are_ignored(connector: Connector, api: SandboxApi) -> None:
    def more(path: str, body: Any) -> Any:
        body = json.loads(json.dumps(body))  # a copy: the sandbox sends the same rows again
        rows = body if isinstance(body, list) else body["results"]
        for row in rows if isinstance(rows, list) else [rows]:
            row["a_later_field"] = {"x": [1]}
        return body

    plain = connector.read(streams=REFERENCE, **YEARS)
    api.transform = more
    with_more = connector.read(streams=REFERENCE, **YEARS)
    for stream in REFERENCE:
        assert (
            [from_the_api(row) for row in with_more.rows(stream)] == [from_the_api(r) for r in plain.rows(stream)] != []
        )
        told = f"{stream}: the API sends fields that are not in the schema; they are ignored: a_later_field."
        assert (plain.logs().count(told), with_more.logs("INFO").count(told)) == (0, 1)
    assert "not in the schema" not in plain.logs()


def test_a_bad_value_costs_itself_alone_and_its_record_names_it(connector: Connector, api: SandboxApi) -> None:
    bad = {
        "stock_prices": ("/v2/aggs/", "vw", "much"),
        "dividends": ("/dividends", "declaration_date", ""),
        "splits": ("/splits", "split_to", "2"),
        "news": ("/news", "publisher", {"name": 5}),
        "tickers": ("/tickers?", "name", 5),
        "ticker_details": ("/tickers/", "list_date", "1980-02-30"),
        "exchanges": ("/exchanges", "mic", []),
        "market_holidays": ("/upcoming", "open", "soon"),
    }

    def spoilt(path: str, body: Any) -> Any:
        body = json.loads(json.dumps(body))  # a copy: the sandbox sends the same rows again
        rows = body if isinstance(body, list) else body["results"]
        for row in [rows] if isinstance(rows, dict) else rows[:1]:
            row |= {field: value for part, field, value in bad.values() if part in path}
        return body

    config = {**YEARS, "adjusted": False}
    plain = connector.read(streams=[*bad], **config)
    api.transform = spoilt
    run = connector.read(streams=[*bad], **config)
    assert (run.exit_code, run.errors()) == (0, [])
    for stream, (_, key, _) in bad.items():
        field = {"vw": "vwap"}.get(key, key)
        change = {"field": field, "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}
        records = [record for record in run.of_type("RECORD") if record["stream"] == stream]
        rows = [from_the_api(row) for row in run.rows(stream)]
        lost = [record for record in records if record.get("meta") == {"changes": [change]}]
        expected = [
            from_the_api(row) | {field: None} if record in lost else from_the_api(row)
            for row, record in zip(plain.rows(stream), records, strict=True)
        ]
        assert lost
        assert rows == expected
        told = f"{stream}: values that do not fit the schema became null ({field}: {len(lost)});"
        assert run.logs("WARN").count(told) == run.logs().count(f"{stream}: values") == 1


@pytest.mark.parametrize(
    "body", [b"{", b'"text"', b'{"status":"OK","results":7}', b'{"status":"ERROR","error":"Boom"}']
)
def test_a_response_that_makes_no_sense_is_an_error_and_no_empty_success(
    connector: Connector, api: SandboxApi, body: bytes
) -> None:
    api.fail_next(("status", 200, {}, body), math.inf)
    run = connector.read(streams=REFERENCE, **YEARS)
    assert [run.statuses(stream) for stream in REFERENCE] == [["STARTED", "INCOMPLETE"]] * 7
    assert [error["failure_type"] for error in run.errors()] == ["system_error"] * 7
    assert not any("stack_trace" in error for error in run.errors())


@pytest.mark.parametrize("results", [None, [], "absent"])
def test_a_response_without_rows_is_an_empty_stream(connector: Connector, api: SandboxApi, results: Any) -> None:
    def empty(path: str, body: Any) -> Any:
        # Without its count, too: "3 rows" and no results would be a response that makes no sense.
        rest = {name: value for name, value in body.items() if name not in ("results", "next_url", "count")}
        return rest if results == "absent" else rest | {"results": results}

    api.transform = empty
    streams = ["dividends", "splits", "news", "tickers", "exchanges"]
    run = connector.read(streams=streams, **YEARS)
    assert (run.exit_code, run.of_type("RECORD")) == (0, [])
    assert [run.statuses(stream) for stream in streams] == [["STARTED", "COMPLETE"]] * 5
