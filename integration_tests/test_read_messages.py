"""Tests that the messages of a read come in the order of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector


def test_messages_come_in_the_order_of_the_protocol(connector: Connector, api: SandboxApi) -> None:
    api.page_size = 20
    run = connector.read(tickers=["IBM", "MSFT"], adjusted=False)
    traces = [message.get("trace", {}) for message in run.messages]
    status = [trace.get("stream_status", {}).get("status") or trace.get("type") for trace in traces]
    kinds = [kind or message["type"] for kind, message in zip(status, run.messages, strict=True)]
    assert kinds[:4] == ["STARTED", "RUNNING", "ESTIMATE", "RECORD"]
    assert kinds[-3:] == ["RECORD", "STATE", "COMPLETE"]
    assert set(kinds[4:-3]) == {"RECORD", "STATE"}


def test_checkpoints_come_often(connector: Connector, api: SandboxApi) -> None:
    api.page_size = 20
    assert len(connector.read(tickers=["IBM", "MSFT"]).states()) >= 5


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_a_stream_without_rows_has_a_state_and_is_never_running(connector: Connector, mode: str) -> None:
    run = connector.read(streams=["splits"], mode=mode)
    assert [message["type"] for message in run.messages] == ["TRACE", "STATE", "TRACE"]
    assert run.statuses("splits") == ["STARTED", "COMPLETE"]


def test_streams_are_read_one_after_the_other_in_the_order_of_the_catalog(connector: Connector) -> None:
    run = connector.read(streams=["exchanges", "stock_prices"])
    traces = [trace["stream_status"] for trace in run.of_type("TRACE") if "stream_status" in trace]
    told = [(trace["stream_descriptor"]["name"], trace["status"]) for trace in traces]
    life = ["STARTED", "RUNNING", "COMPLETE"]
    assert told == [(name, status) for name in ("exchanges", "stock_prices") for status in life]


def test_a_namespace_of_the_catalog_comes_back_in_every_message(connector: Connector) -> None:
    catalog = connector.catalog(["stock_prices"], "incremental")
    catalog["streams"][0]["stream"]["namespace"] = "of mine"
    run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(catalog))
    assert {record["namespace"] for record in run.of_type("RECORD")} == {"of mine"}
    assert {state["stream"]["stream_descriptor"]["namespace"] for state in run.of_type("STATE")} == {"of mine"}
