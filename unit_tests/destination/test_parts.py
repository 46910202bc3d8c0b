"""destination/settings.py: one part of a list, which it takes, and what it shares with the other parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import OPTIONS, Project, complete, record, state

from destination.settings import Part

CITIES = ["Rome", "Oslo", "Paris", "Bern", "Riga", "Kyiv", "Lima", "Cairo", "Quito", "Seoul"]
FEW = ["Paris", "Bern", "Riga", "Kyiv"]  # in part 3, 2, 1 and 1 of 3
RATE = {"requests_per_minute": {"type": "integer", "default": 5}}


def split(items: list[str], total: int) -> list[list[str]]:
    parts = [Part("places", number, total) for number in range(1, total + 1)]
    whole = [part.config({"places": items, "requests_per_minute": 0}, {}) for part in parts]
    configured = [{"stream": {"name": "events"}}]
    found = []
    for part, config in zip(parts, whole, strict=True):
        try:
            part.streams(configured, [], config)
        except SystemExit:
            found.append([])  # an empty part
        else:
            found.append(config["places"])
    return found


@pytest.mark.parametrize("total", [1, 2, 3, 7, 40])
def test_each_item_is_in_one_part(total: int) -> None:
    assert sorted(item for part in split(CITIES, total) for item in part) == sorted(CITIES)


def test_items_that_come_or_go_move_no_other_one() -> None:
    before, after = split(CITIES, 3), split(["Accra", *CITIES[2:], "Dakar"], 3)
    for old, new in zip(before, after, strict=True):
        assert [item for item in old if item in CITIES[2:]] == [item for item in new if item in CITIES[2:]]


def test_the_parts_are_the_same_on_every_machine_and_in_every_version() -> None:
    # Another function would send the items of databases that exist to other parts.
    assert split(CITIES, 3) == [
        ["Riga", "Kyiv"],
        ["Rome", "Oslo", "Bern", "Cairo"],
        ["Paris", "Lima", "Quito", "Seoul"],
    ]


def test_the_items_of_a_market_are_spread_evenly() -> None:
    items = [f"{a}{b}{c}" for a in "ABCDEFGH" for b in "AEIOUXYZ" for c in "ABCDEFGH"]
    assert all(150 < len(part) < 192 for part in split(items, 3))


# The rate


@pytest.mark.parametrize(
    ("rate", "total", "shares"), [(5, 1, [5]), (5, 2, [3, 2]), (5, 5, [1, 1, 1, 1, 1]), (100, 3, [34, 33, 33])]
)
def test_the_parts_share_the_requests_of_a_minute(rate: int, total: int, shares: list[int]) -> None:
    parts = [Part("places", number, total) for number in range(1, total + 1)]
    config = {"places": CITIES, "requests_per_minute": rate}
    assert [part.config(config, RATE)["requests_per_minute"] for part in parts] == shares


def test_a_config_that_names_no_rate_has_that_of_the_spec() -> None:
    assert Part("places", 1, 2).config({"places": CITIES}, RATE)["requests_per_minute"] == 3


def test_without_a_limit_there_is_none_to_share() -> None:
    config = {"places": CITIES, "requests_per_minute": 0}
    assert Part("places", 1, 200).config(config, RATE)["requests_per_minute"] == 0
    assert "requests_per_minute" not in Part("places", 1, 200).config({"places": CITIES}, OPTIONS)


def test_a_rate_that_is_no_number_is_the_connectors_to_refuse() -> None:
    config = {"places": CITIES, "requests_per_minute": "5"}
    assert Part("places", 1, 2).config(config, RATE)["requests_per_minute"] == "5"


# A sync of a part


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.config.write_text(json.dumps({"places": FEW}))
    options = {"connectionSpecification": {"properties": OPTIONS | RATE}}
    project.steps["spec"] = [{"type": "SPEC", "spec": options}]
    return project


def streams(project: Project) -> list[str]:
    return [one["stream"]["name"] for one in project.asked("read")["catalog"]["streams"]]


def test_a_part_is_read_by_itself_into_a_database_of_its_own(project: Project) -> None:
    project.steps["read"] = [record(1), state(1), complete()]
    project.sync("--part", "places=2/3")
    assert project.asked("discover")["config"] == project.asked("read")["config"]
    assert project.asked("read")["config"] == {"places": ["Bern"], "requests_per_minute": 2}
    project.steps["read"] = [record(2), state(2), complete()]
    project.sync("--part", "places=3/3")
    assert project.asked("read")["config"] == {"places": ["Paris"], "requests_per_minute": 1}
    assert project.asked("read")["state"] == []
    project.sync("--part", "places=2/3")
    assert project.asked("read")["state"] == [state(1)["state"]]
    files = {"config.json", "config.2-of-3.duckdb", "config.3-of-3.duckdb"}
    assert {file.name for file in (project.folder / "secrets").iterdir()} == files
    assert json.loads(project.config.read_text()) == {"places": FEW}


def test_the_one_part_of_one_is_the_whole(project: Project) -> None:
    project.sync("--part", "places=1/1")
    assert project.asked("read")["config"] == {"places": FEW}
    assert project.database.exists()


def test_parts_never_share_a_database(project: Project) -> None:
    # A table that is read in full would be replaced by the other part's.
    for part in ("places=1/3", "places=2/3"):
        project.sync("--database", "here.duckdb", "--part", part)
    assert sorted(file.name for file in project.folder.glob("here*")) == ["here.1-of-3.duckdb", "here.2-of-3.duckdb"]


def test_the_list_may_come_from_the_command_line(project: Project) -> None:
    project.sync("--part", "numbers=1/2", "--set", "numbers=1,2,3,4")
    (numbers,) = (project.asked("read")["config"][name] for name in ["numbers"])
    project.sync("--part", "numbers=2/2", "--set", "numbers=1,2,3,4")
    assert sorted(numbers + project.asked("read")["config"]["numbers"]) == [1, 2, 3, 4]
    assert 0 < len(numbers) < 4


def test_what_does_not_depend_on_the_list_is_read_by_part_1_alone(project: Project) -> None:
    for number, expected in ((1, ["events", "places"]), (2, ["events"]), (3, ["events"])):
        project.sync("--part", f"places={number}/3", "--once", "places")
        assert streams(project) == expected


def test_a_stream_that_is_not_named_is_read_in_each_part(project: Project) -> None:
    project.sync("--part", "places=2/3")
    assert streams(project) == ["events", "places"]


@pytest.mark.parametrize("options", [["--set", "places=Riga"], ["--streams", "places", "--once", "places"]])
def test_a_part_with_nothing_to_read_says_so_and_succeeds(options: list[str], project: Project) -> None:
    stdout, stderr = project.sync("--part", "places=2/3", *options)
    assert (stdout, stderr) == ("Part 2 of 3 has nothing to read.\n", "")
    with pytest.raises(IndexError):
        project.asked("read")


def test_part_1_reads_what_does_not_depend_on_the_list_though_it_has_no_item(project: Project) -> None:
    project.sync("--part", "places=1/3", "--set", "places=Paris", "--once", "places")
    assert streams(project) == ["places"]
    assert project.asked("read")["config"]["places"] == ["Paris"]  # an empty list would mean all places


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--part", "places=4/3"], "PART: 4/3 is not a part of places; the second of three would be 2/3."),
        (["--part", "places=0/3"], "PART: 0/3 is not a part of places;"),
        (["--part", "places=2"], "PART: 2 is not a part of places;"),
        (["--part", "places"], "PART: places is not a part of a list;"),
        (["--part", "1/3"], "PART: 1/3 is not a part of a list; the second of three would be NAME=2/3."),
        (["--part", "=1/3"], "PART: 1/3 is not a part of a list;"),
        (["--part", "places=-1/3"], "PART: -1/3 is not a part of places;"),
        (["--part", "places=1/6"], "PART: 6 parts cannot share 5 requests_per_minute; use at most 5 parts."),
        (["--part", "towns=1/2"], "PART: the config lists no towns to divide; list them there, or set towns=@FILE."),
        (["--part", "places=1/2", "--set", "places="], "PART: the config lists no places to divide"),
        (["--part", "api_key=1/2", "--set", "api_key=k"], "PART: the config lists no api_key to divide"),
        (["--part", "places=1/2", "--once", "event"], "ONCE: there is no event; choose from these: events, places."),
    ],
)
def test_what_cannot_be_divided_is_refused_in_a_sentence(options: list[str], sentence: str, project: Project) -> None:
    stdout, stderr = project.sync(*options, code=1)
    assert stdout == ""
    assert stderr.startswith(sentence)
    assert len(stderr.splitlines()) == 1
