"""Tests that a read resumes where the state ends, in any format of the state file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from usual import QUARTER

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    RealPrices = Callable[..., list[Row]]


def test_the_next_sync_reads_only_what_is_missing(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read(end_date="2012-03-23", lookback_days=0)
    second = connector.read(state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("IBM", "2012-03-26", "2012-03-30")


def test_the_last_days_are_read_again(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    second = connector.read(state=first.saved(), lookback_days=2)
    assert second.rows() == real_prices("IBM", "2012-03-29", "2012-03-30")


def test_a_sync_with_nothing_new_has_a_state_and_completes(connector: Connector) -> None:
    first = connector.read()
    second = connector.read(state=first.saved(), lookback_days=0)
    assert [message["type"] for message in second.messages] == ["TRACE", "STATE", "TRACE"]
    assert second.states() == first.states()[-1:]


def test_a_ticker_added_later_is_read_from_its_start(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    second = connector.read(tickers=["IBM", "MSFT"], state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("MSFT", *QUARTER)


def test_a_ticker_taken_out_leaves_the_state(connector: Connector) -> None:
    first = connector.read(tickers=["IBM", "MSFT"])
    second = connector.read(tickers=["MSFT"], state=first.saved())
    assert list(second.states()[-1]["read"]) == ["MSFT"]


def test_a_ticker_taken_out_and_put_back_is_read_from_its_start(connector: Connector, real_prices: RealPrices) -> None:
    both = connector.read(tickers=["IBM", "MSFT"])
    one = connector.read(tickers=["MSFT"], state=both.saved())
    again = connector.read(tickers=["IBM", "MSFT"], state=one.saved(), lookback_days=0)
    assert again.rows() == real_prices("IBM", *QUARTER)


def test_full_refresh_reads_all_whatever_the_state_says(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    assert connector.read(mode="full_refresh", state=first.saved()).rows() == real_prices("IBM", *QUARTER)


def legacy(run: Run) -> dict[str, Any]:
    return {"stock_prices": run.states()[-1]}


# The shapes that a state file can have: what the platform passes, what a user saved, what older platforms wrote.
STATE_SHAPES: dict[str, Callable[[Run], Any]] = {
    "a list, as the platform passes it": lambda run: run.saved(),
    "without the counts": lambda run: [{**s, "sourceStats": None, "later_key": 1} for s in run.saved()],
    "indented, other keys first": lambda run: json.dumps(
        [{"stream": state["stream"], "type": "STREAM"} for state in run.saved()], indent=4
    ),
    "next to a stream that we do not have": lambda run: [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "bonds"}, "stream_state": None}},
        *run.saved(),
    ],
    "a namespace that is null": lambda run: [
        {
            "type": "STREAM",
            "stream": {
                "stream_descriptor": {"name": "stock_prices", "namespace": None},
                "stream_state": run.states()[-1],
            },
        }
    ],
    "one state without a list": lambda run: run.saved()[0],
    "the inside of a state": lambda run: run.saved()[0]["stream"],
    "a STATE line": lambda run: [line for line in run.lines if '"STATE"' in line][-1],
    "a STATE line and a blank one": lambda run: [line for line in run.lines if '"STATE"' in line][-1] + "\n\n",
    "all STATE lines": lambda run: "\n".join(line for line in run.lines if '"STATE"' in line),
    "the whole output": lambda run: "\n".join(run.lines),
    "STATE messages in a list": lambda run: [m for m in run.messages if m["type"] == "STATE"],
    "GLOBAL": lambda run: [
        {"type": "GLOBAL", "global": {"shared_state": None, "stream_states": [run.saved()[0]["stream"]]}}
    ],
    "LEGACY": lambda run: [{"type": "LEGACY", "data": legacy(run)}],
    "data": lambda run: {"data": legacy(run)},
    "by name": legacy,
}
NO_STATES = {
    "an empty list": [],
    "an empty object": {},
    "null": "null",
    "a stream_state that is null": [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "stock_prices"}, "stream_state": None}}
    ],
    "a stream_state that is empty": [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "stock_prices"}, "stream_state": {}}}
    ],
}


@pytest.fixture(scope="module")
def first_sync(connect: Callable[[str], Connector]) -> Iterator[tuple[Connector, Run]]:
    """A connector, and its first sync: two tickers in several pages with many states."""
    with SandboxApi(page_size=20) as api:
        connector = connect(api.url)
        yield connector, connector.read(tickers=["IBM", "MSFT"])


@pytest.mark.parametrize("shape", STATE_SHAPES)
def test_a_state_file_can_have_many_shapes(first_sync: tuple[Connector, Run], shape: str) -> None:
    connector, run = first_sync
    second = connector.read(tickers=["IBM", "MSFT"], state=STATE_SHAPES[shape](run), lookback_days=0)
    assert (second.exit_code, second.rows()) == (0, [])


@pytest.mark.parametrize("nothing", NO_STATES)
def test_a_state_file_can_contain_nothing(first_sync: tuple[Connector, Run], nothing: str) -> None:
    connector, run = first_sync
    assert connector.read(tickers=["IBM", "MSFT"], state=NO_STATES[nothing]).rows() == run.rows()


def test_a_state_with_a_byte_order_mark_is_understood(first_sync: tuple[Connector, Run]) -> None:
    connector, run = first_sync
    state = "\ufeff" + json.dumps(run.saved())
    assert connector.read(tickers=["IBM", "MSFT"], state=state, lookback_days=0).rows() == []


def test_resuming_from_any_state_of_a_read_loses_nothing(first_sync: tuple[Connector, Run]) -> None:
    connector, run = first_sync
    cuts = run.killed_after_each_state()
    rests = connector.read_each({"tickers": ["IBM", "MSFT"], "state": cut.saved(), "lookback_days": 0} for cut in cuts)
    for cut, rest in zip(cuts, rests, strict=True):
        assert cut.table() | rest.table() == run.table(), f"resumed from {cut.states()[-1]}"


def test_states_grow_with_the_rows_and_not_with_the_square_of_the_tickers(
    connector: Connector, api: SandboxApi
) -> None:
    sizes = []
    for number in (150, 600):
        tickers = [f"T{n}" for n in range(number)]
        api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
        run = connector.read(tickers=tickers, start_date="2012-03-26", adjusted=False, requests_per_minute=6000)
        sizes.append(sum(len(line) for line in run.lines if '"STATE"' in line))
    assert sizes[1] < 6 * sizes[0]
