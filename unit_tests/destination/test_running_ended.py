"""Tests destination/sync.py: how a sync ends, by a signal, a failure or a connector that dies."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest
from running import WAIT, Project, record, state, waiting


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_ends_the_connector_and_keeps_what_is_covered(number: int, code: int, project: Project) -> None:
    last_words = "import signal; signal.signal({}, lambda *_: (print({!r}), sys.stdout.flush(), os._exit({})))"
    said = "\n".join(json.dumps(one) for one in (record(3), state(3), record(4)))
    project.steps["read"] = [last_words.format(int(number), said, code), record(1), state(1), record(2), WAIT]
    process = waiting(project)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (code, "")
    assert "events          3           3" in stdout
    assert project.ids() == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_connector_wrote_before_it_ended_is_read_although_the_signal_comes_afterwards(project: Project) -> None:
    # Ctrl-C goes to both. It has ended the connector, but the connector's child keeps the output open.
    go = "while not (here / 'go').exists(): time.sleep(0.01)"
    project.steps["read"] = ["os.fork() and os._exit(130)", "(here / 'waiting').touch()", go, record(1), state(1)]
    process = waiting(project)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    (project.folder / "go").touch()
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "")
    assert project.ids() == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_signal_after_the_catalog_ends_the_sync_before_it_reads(project: Project) -> None:
    go = "while not (here / 'go').exists(): time.sleep(0.01)"
    project.steps["discover"] += ["os.fork() and os._exit(0)", "(here / 'waiting').touch()", go]
    process = waiting(project)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    (project.folder / "go").touch()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert [json.loads(line)["command"] for line in (project.folder / "asked.jsonl").open()] == ["discover"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_database_works_has_its_exit_code(number: int, code: int, project: Project) -> None:
    slow = "[database.execute('SELECT count(*) FROM range(1000000)').fetchall() for _ in range(100000)]"
    tables = project.folder / "destination" / "tables.py"
    before = "        self._begin(stream"
    text = tables.read_text("utf-8")
    assert before in text
    waiting_there = f"        Path({str(project.folder / 'waiting')!r}).touch()\n        {slow}\n"
    tables.write_text(text.replace(before, waiting_there + before), "utf-8")
    process = waiting(project)
    time.sleep(0.3)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (code, "")


def test_a_sync_that_did_not_read_everything_says_how_to_continue(project: Project) -> None:
    project.steps["read"] = [record(1), state(1), "sys.exit(1)"]
    stdout, _ = project.sync(code=1)
    told = "Not everything was read. Fix the cause, then run the same command again: it resumes."
    assert stdout.splitlines()[-1] == told


def test_a_connector_that_dies_by_the_signal_has_its_exit_code(project: Project) -> None:
    project.steps["read"] = [record(1), state(1), "import signal; signal.signal(2, signal.SIG_DFL)", WAIT]
    process = waiting(project)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert project.ids() == [1]


def test_a_line_that_is_cut_is_left_out(project: Project) -> None:
    cut = "sys.stdout.write({!r}); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    project.steps["read"] = [record(1), state(1), cut.format(json.dumps(state(2)))]
    _, stderr = project.sync(code=137)
    assert stderr == ""
    assert project.ids() == [1]
    project.sync(code=137)
    assert project.asked("read")["state"] == [state(1)["state"]]


def test_rows_that_the_database_refuses_end_the_connector_too(project: Project) -> None:
    wrong = record(1)
    wrong["record"]["data"]["id"] = "one"
    project.steps["read"] = [record(0), state(0), "time.sleep(1.1)", wrong, state(1), record(2), state(2), WAIT]
    started = time.monotonic()
    _, stderr = project.sync(code=1)
    assert time.monotonic() - started < 30
    assert "one" in stderr
    assert "Traceback" not in stderr
    assert project.ids() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one process limit another")
def test_a_full_disk_is_reported_in_a_sentence_and_what_was_saved_stays(project: Project) -> None:
    project.steps["read"] = [record(1), state(1)]
    project.sync()
    # A file that must not grow is the closest to it that needs no disk.
    full = "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (1000, 1000))"
    many = f"print('\\n'.join([{json.dumps(record(2))!r}] * 10000), flush=True)"
    project.steps["read"] = [full, many]
    _, stderr = project.sync(code=1)
    assert stderr == "sync: File too large.\n"
    assert project.ids() == [1]


def test_what_a_sync_works_with_is_for_its_owner_alone_and_goes_away(project: Project) -> None:
    work = project.folder / "secrets" / "config.duckdb.work"
    work.mkdir(mode=0o755)
    (work / "left.jsonl").write_text("by a sync that was killed")
    project.steps["read"] = [
        "work = here / 'secrets' / 'config.duckdb.work'",
        "(here / 'seen').write_text(f'{work.stat().st_mode & 0o777:o} {(work / \"left.jsonl\").exists()}')",
    ]
    project.sync()
    assert (project.folder / "seen").read_text() == "700 False"
    assert sorted(file.name for file in work.parent.iterdir()) == ["config.duckdb", "config.json"]
