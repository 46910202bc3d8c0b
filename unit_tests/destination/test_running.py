"""Tests destination/sync.py: how it runs a connector, here one that writes what the test wants."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess

import pytest
from running import EVENTS, WAIT, Project, complete, failure, log, new_config, record, state, waiting

# What comes in


def test_rows_come_into_the_database_and_the_next_sync_resumes(project: Project) -> None:
    project.steps["read"] = [
        record(1),
        state(1),
        complete(),
        record(5, "places"),
        state(0, "places"),
        complete("places"),
    ]
    stdout, stderr = project.sync()
    assert stderr == ""
    assert stdout.splitlines()[:3] == [
        "stream  rows read  rows total  from (UTC)  to (UTC)",
        "events          1           1",
        "places          1           1",
    ]
    project.steps["read"] = [record(2), state(2), complete(), record(6, "places"), complete("places")]
    project.sync()
    assert (project.ids(), project.ids("places")) == ([1, 2], [6])
    assert project.asked("read")["state"] == [state(1)["state"]]


def test_the_times_shown_are_utc_wherever_one_lives(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    fields = {"properties": {"id": {"type": "integer"}, "seen": {"type": "string", "format": "date-time"}}}
    stream = EVENTS | {"json_schema": fields, "default_cursor_field": ["seen"]}
    project.steps["discover"] = [{"type": "CATALOG", "catalog": {"streams": [stream]}}]
    row = {"stream": "events", "data": {"id": 1, "seen": "2024-01-31T23:30:00Z"}, "emitted_at": 1}
    project.steps["read"] = [{"type": "RECORD", "record": row}, complete()]
    stdout, _ = project.sync()
    assert "events          1           1  2024-01-31 23:30  2024-01-31 23:30" in stdout


def test_the_last_line_is_a_command_that_shows_rows(project: Project) -> None:
    project.steps["read"] = [record(1234), state(1), complete()]
    stdout, _ = project.sync()
    shown = subprocess.check_output(["sh", "-c", stdout.splitlines()[-1]], cwd=project.folder, encoding="utf-8")
    assert "1234" in shown


def test_the_catalog_of_the_read_is_as_airbyte_writes_it(project: Project) -> None:
    project.sync()
    events, places = project.asked("read")["catalog"]["streams"]
    assert events["stream"] == EVENTS
    assert (events["sync_mode"], events["destination_sync_mode"]) == ("incremental", "append_dedup")
    assert (places["sync_mode"], places["destination_sync_mode"]) == ("full_refresh", "overwrite")
    assert places["sync_id"] > 0


def test_streams_can_be_chosen_and_read_in_full(project: Project) -> None:
    project.sync("--streams", "places")
    assert [one["stream"]["name"] for one in project.asked("read")["catalog"]["streams"]] == ["places"]
    project.sync("--streams", "places,events", "--full")
    chosen = [(one["stream"]["name"], one["sync_mode"]) for one in project.asked("read")["catalog"]["streams"]]
    assert chosen == [("places", "full_refresh"), ("events", "full_refresh")]


def test_a_second_attempt_of_a_full_refresh_has_its_state_and_sync_id(project: Project) -> None:
    project.steps["read"] = [record(1), state(1), "sys.exit(1)"]
    project.sync("--full", code=1)
    first = project.asked("read")
    assert (first["state"], project.ids()) == ([], [])
    project.steps["read"] = [record(2), state(2), complete()]
    project.sync("--full")
    second = project.asked("read")
    assert second["state"] == [state(1)["state"]]
    assert second["catalog"]["streams"][0]["sync_id"] == first["catalog"]["streams"][0]["sync_id"]
    assert project.ids() == [1, 2]


def test_the_database_can_be_elsewhere(project: Project) -> None:
    project.sync("--database", "here.duckdb")
    assert (project.folder / "here.duckdb").exists()
    assert not project.database.exists()


# Options


def test_options_have_the_type_that_the_spec_says(project: Project) -> None:
    (project.folder / "places.txt").write_text("Rome\n\n San Marino \nOslo\n")
    (project.folder / "key").write_text("\ufefffrom a file\r\n")  # as Windows and Excel save it
    words = ["api_key=@key", "places=@places.txt", "numbers=1,2", "since=2024-01-01", "days=7", "share=0.5", "all=true"]
    project.sync(*(word for one in [*words, 'window={"a": 1}'] for word in ("--set", one)))
    assert project.asked("discover")["config"] == project.asked("read")["config"]
    assert project.asked("read")["config"] == {
        "api_key": "from a file",
        "places": ["Rome", "San Marino", "Oslo"],
        "numbers": [1, 2],
        "since": "2024-01-01",
        "days": 7,
        "share": 0.5,
        "all": True,
        "window": {"a": 1},
    }
    assert json.loads(project.config.read_text()) == {"api_key": "k"}


def test_a_list_can_be_given_in_the_line_or_be_empty(project: Project) -> None:
    project.sync("--set", "places=Rome, Oslo", "--set", "numbers=")
    assert project.asked("read")["config"] == {"api_key": "k", "places": ["Rome", "Oslo"], "numbers": []}


def test_an_at_sign_inside_a_file_names_no_other_file(project: Project) -> None:
    (project.folder / "places.txt").write_text("Rome\n@secrets/config.json\n")
    project.sync("--set", "places=@places.txt")
    assert project.asked("read")["config"]["places"] == ["Rome", "@secrets/config.json"]


def test_a_config_can_be_as_windows_saves_it(project: Project) -> None:
    project.config.write_text('\ufeff{"api_key": "k"}')
    project.sync()
    assert project.asked("read")["config"] == {"api_key": "k"}


def test_a_config_that_is_missing_leaves_no_database(project: Project) -> None:
    project.sync("--config", "none.json", code=1)
    assert [file.name for file in project.folder.rglob("*.duckdb")] == []


def test_blanks_between_the_names_of_streams_do_no_harm(project: Project) -> None:
    project.sync("--streams", "events, places")
    assert len(project.asked("read")["catalog"]["streams"]) == 2


def test_a_value_of_another_type_is_the_connectors_to_refuse(project: Project) -> None:
    project.sync("--set", "days=many", "--set", "since=2024")
    assert project.asked("read")["config"] == {"api_key": "k", "days": "many", "since": "2024"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "day=1"], "SET: there is no option day; choose from these: api_key, places, "),
        (["--set", "days"], "SET: days is not NAME=VALUE (without spaces)."),
        (["--set", "=7"], "SET: =7 is not NAME=VALUE (without spaces)."),
        (["--set", "places=@none"], "places: none is not readable as UTF-8 text (No such file or directory)."),
        (["--set", "places=@empty"], "places: empty is empty."),
        (["--set", "places=@commas"], "places: commas is empty."),
        (["--set", "places=@binary"], "places: binary is not readable as UTF-8 text (invalid start byte)."),
        (["--streams", "event"], "STREAMS: there is no event; choose from these: events, places."),
        (["--config", "none.json"], "CONFIG: none.json is not a file with a JSON object (No such file or directory)."),
        (["--config", "main.py"], "CONFIG: main.py is not a file with a JSON object"),
        (["--config", "list.json"], "CONFIG: list.json is not a file with a JSON object"),
        (["--database", "none/x.duckdb"], 'DATABASE: Cannot open file "'),
        (["--database", "secrets"], 'DATABASE: Could not read from file "'),
        (["--database", "main.py"], 'DATABASE: The file "'),
        (["--database", "taken"], "taken.work: File exists."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(options: list[str], sentence: str, project: Project) -> None:
    (project.folder / "empty").write_text("\n")
    (project.folder / "commas").write_text(",\n")
    (project.folder / "binary").write_bytes(b"\xff\xfeA\0")
    (project.folder / "list.json").write_text("[]")
    (project.folder / "taken.work").touch()
    stdout, stderr = project.sync(*options, code=1)
    assert stdout == ""
    assert sentence in stderr
    assert len(stderr.splitlines()) == 1


def test_a_column_of_another_type_is_reported_in_a_sentence(project: Project) -> None:
    project.sync()
    schema = {"properties": {"id": {"type": "string"}}}
    project.steps["discover"] = [{"type": "CATALOG", "catalog": {"streams": [EVENTS | {"json_schema": schema}]}}]
    _, stderr = project.sync(code=1)
    assert stderr.startswith("events: the column id is BIGINT in the database, but is VARCHAR now.")


def test_a_database_that_another_sync_uses_is_left_alone(project: Project) -> None:
    project.steps["read"] = [record(1), state(1), WAIT]
    first = waiting(project)
    _, stderr = project.sync(code=1)
    assert stderr == (
        f"DATABASE: {project.database.resolve()} is open in another program (PID {first.pid}). "
        "Close it there, or wait until it ends.\n"
    )
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert project.ids() == [1]


# The connector's other messages


def test_warnings_and_errors_are_shown_once_each(project: Project) -> None:
    said = [
        log("INFO", "quiet"),
        log("WARN", "careful"),
        log("ERROR", "bad"),
        failure("The key is wrong."),
        log("DEBUG", "x"),
    ]
    project.steps["discover"] = [log("INFO", "quiet"), *project.steps["discover"]]
    project.steps["read"] = [*said, *said, "sys.stderr.write('of its own\\n')", "sys.exit(1)"]
    _, stderr = project.sync(code=1)
    assert sorted(stderr.splitlines()) == ["The key is wrong.", "bad", "careful", "of its own"]


def test_on_a_terminal_the_connector_itself_shows_its_sentences(project: Project) -> None:
    project.steps["read"] = ["sys.stderr.write('1 row'); sys.stderr.flush()", log("WARN", "careful")]
    ours, theirs = os.openpty()
    process = project.start(stderr=theirs)
    process.communicate(timeout=60)
    os.close(theirs)
    assert os.read(ours, 1000) == b"1 row"
    os.close(ours)


@pytest.mark.parametrize("command", ["spec", "discover"])
def test_without_a_spec_or_a_catalog_the_sync_ends(command: str, project: Project) -> None:
    project.steps[command] = [failure("config: days must be a number."), "sys.exit(3)"]
    assert project.sync("--set", "days=7", code=3) == ("", "config: days must be a number.\n")


def test_a_new_config_is_kept_at_once(project: Project) -> None:
    project.config.chmod(0o640)
    kept = project.folder / "kept.json"
    project.config.rename(kept)
    project.config.symlink_to(kept)
    project.steps["discover"].insert(0, new_config(api_key="second", days=7))
    until_saved = "while 'third' not in (here / 'kept.json').read_text(): time.sleep(0.01)"
    project.steps["read"] = [new_config(api_key="third", days=7, more=1), until_saved, "os.kill(os.getppid(), 9)"]
    project.sync("--set", "days=7", code=-9)
    assert project.asked("discover")["config"] == {"api_key": "k", "days": 7}
    assert project.asked("read")["config"] == {"api_key": "second", "days": 7}
    assert json.loads(kept.read_text()) == {"api_key": "third", "more": 1}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert project.config.is_symlink()
