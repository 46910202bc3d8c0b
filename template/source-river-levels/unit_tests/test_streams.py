"""Tests the tables: how a response becomes rows, and where a read resumes."""

import json
import re
from typing import Any, ClassVar

import pytest

from source_river_levels.runtime.cursors import Window
from source_river_levels.runtime.errors import UnexpectedResponse
from source_river_levels.runtime.http.response import Response
from source_river_levels.runtime.stream import Stream
from source_river_levels.runtime.testing import StreamContract
from source_river_levels.streams import Readings, Stations

URL = "https://api.river-levels.example"


def measurement(station: str, day: int, hour: int = 6) -> dict[str, Any]:
    moment = f"2024-03-{day:02}T{hour:02}:00:00Z"
    return {"station_id": station, "measured_at": moment, "level_cm": 1.5, "corrected": None}


@pytest.fixture
def measured(server) -> list[dict[str, Any]]:
    """The readings of stations a and b, as the API sends them: one per page, from `since` on. Tests can change them."""
    rows = [measurement(station, day) for station in "ab" for day in (2, 3, 4, 5)]

    def respond(request):
        station, since, page = request.url.split("/")[4], request.params["since"], int(request.params.get("page", 0))
        found = [row for row in rows if row["station_id"] == station and row["measured_at"] >= since]
        more = page + 1 if page + 1 < len(found) else None
        return 200, {}, json.dumps({"readings": found[page : page + 1], "next_page": more})

    server.get(f"{URL}/stations", json={"stations": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]})
    server.add_callback("GET", re.compile(f"{URL}/stations/./readings"), respond)
    return rows


class Contract(StreamContract):
    """The contract of every stream, against the API of `measured`."""

    table: type[Stream[Any]]
    config: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _api(self, measured, connect):
        self.connect = connect

    def stream(self) -> Stream[Any]:
        return self.connect(self.table, **self.config)


class TestStations(Contract):
    table = Stations


class TestReadings(Contract):
    table = Readings


class TestReadingsWithoutALookback(Contract):
    table, config = Readings, {"lookback_days": 0}


def test_stations_are_read_page_by_page(connect, read, server):
    server.get(f"{URL}/stations", json={"stations": [{"id": "a", "name": "A", "new": 1}], "next_page": "2"})
    server.get(f"{URL}/stations?page=2", json={"stations": [{"id": "b", "name": "B", "river": "Wend"}]})
    assert read(connect(Stations)).rows == [
        {"id": "a", "name": "A"},  # the schema's fields, and no others
        {"id": "b", "name": "B", "river": "Wend"},
    ]


@pytest.mark.parametrize("row", [1, None, {}, {"id": None, "name": "A"}, {"id": 7, "name": "A"}])
def test_a_row_that_does_not_fit_its_schema_is_refused(row, connect):
    with pytest.raises(UnexpectedResponse, match="a row of stations that does not fit the schema"):
        connect(Stations).parse("stations", Response(200, json.dumps({"stations": [row]}).encode(), "/stations", {}))


def test_a_first_sync_reads_all_from_the_start_date_on(connect, read, measured):
    reading = read(connect(Readings, start_date="2024-03-03"))
    assert reading.rows == [row for row in measured if row["measured_at"] >= "2024-03-03"]
    since_then = ["2024-03-03T00:00:00Z", "2024-03-05T06:00:00Z"]
    assert reading.state == {"read": {"a": since_then, "b": since_then}}


def test_the_next_sync_reads_the_lookback_and_what_is_new(connect, read, measured):
    state = read(connect(Readings)).state
    measured[2]["corrected"] = True
    measured.append(measurement("b", 6))
    rows = read(connect(Readings, lookback_days=1), state).rows
    assert rows == [row for row in measured if row["measured_at"] >= "2024-03-04T06"]


def test_the_readings_have_a_slice_for_each_station_of_every_page(connect, server):
    server.get(f"{URL}/stations", json={"stations": [{"id": "a", "name": "A"}], "next_page": "2"})
    server.get(f"{URL}/stations?page=2", json={"stations": [{"id": "b", "name": "B"}]})
    assert list(map(str, connect(Readings).slices({"read": {}}))) == ["a", "b"]


def test_an_id_can_contain_any_character(connect, server):
    server.get(re.compile(URL), json={"readings": []})
    connect(Readings).fetch(Window("a/b?", "2024-03-01T00:00:00Z", "", ""), None)
    assert server.calls[0].request.url.startswith(f"{URL}/stations/a%2Fb%3F/readings?since=2024-03-01")


def test_a_station_that_cannot_be_read_does_not_hold_back_others(connect, read, measured, server):
    server.replace("GET", f"{URL}/stations", json={"stations": [{"id": i, "name": i} for i in ("a", "gone", "b")]})
    server.get(f"{URL}/stations/gone/readings", status=404)
    reading = read(connect(Readings))
    assert (reading.rows, reading.failed) == (measured, ["gone"])
