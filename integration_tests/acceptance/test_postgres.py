"""The recipe for Postgres, followed against a real one: started for it, in a folder and at a port of its own."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, Shell, clone, section, steps
from usual import free_port

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)  # as Debian has them
USER, PASSWORD, DATABASE = "analyst", "p@ss:w/rd%41", "market"
LONGEST = 60  # seconds
RECIPES = (ROOT / "docs" / "recipes.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(
    not (PROGRAMS and (PROGRAMS / "initdb").exists()),
    reason="there is no Postgres in /usr/lib/postgresql (Debian: apt-get install postgresql)",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[dict[str, str]]:
    """A server -> the variables that say where it is, as psql takes them."""
    assert PROGRAMS
    folder, port = Path(tempfile.mkdtemp(prefix="postgres-")), free_port()  # elsewhere its user could not enter
    (folder / "password").write_text(PASSWORD)
    owner: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:  # as which Postgres refuses to run
        with suppress(KeyError):
            person = pwd.getpwnam("postgres")
            owner |= {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
        if "user" not in owner:
            owner |= {"user": 65534, "group": 65534, "extra_groups": []}  # nobody
        for path in (folder, folder / "password"):
            os.chown(path, owner["user"], owner["group"])
    where = {"PGHOST": "localhost", "PGPORT": str(port), "PGUSER": USER, "PGPASSWORD": PASSWORD, "PGDATABASE": DATABASE}
    new = [PROGRAMS / "initdb", "--auth=scram-sha-256", f"--username={USER}", "--pwfile=password", "--no-sync", "data"]
    subprocess.run(new, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST, **owner)
    options = ["-D", "data", "-p", str(port), "-k", folder, "-c", "listen_addresses=localhost", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([PROGRAMS / "postgres", *options], stdout=log, stderr=log, **owner)
    try:
        deadline = time.monotonic() + LONGEST
        while subprocess.run([PROGRAMS / "createdb"], env=where, stderr=subprocess.DEVNULL, check=False).returncode:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield where
    finally:
        server.send_signal(signal.SIGINT)  # end now, whoever is connected
        server.wait(LONGEST)
        shutil.rmtree(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clone(tmp_path / "source-stock-ticker")


@pytest.fixture
def shell(folder: Path, postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for name, value in postgres.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")  # psql
    with Shell(folder) as shell:
        yield shell


def test_the_rows_come_into_postgres_and_tickers_can_be_added_run_by_run(shell: Shell, folder: Path) -> None:
    for step in steps(section(RECIPES, "Before you begin") + section(RECIPES, "Into Postgres, with PyAirbyte")):
        shell.do(step)
    config = folder / "sample_files" / "config_sandbox.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"tickers": ["AAPL", "IBM", "MSFT"]}), "utf-8")
    *_, came = shell.type("python -W ignore secrets/postgres.py")
    assert came == f"{6 + 41} rows read"
    counted = "psql -At -c 'SELECT count(*), count(DISTINCT stock_ticker) FROM stocks.stock_prices'"
    assert shell.type(counted) == ["123|3"]
