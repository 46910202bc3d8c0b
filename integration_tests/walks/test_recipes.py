"""What the recipes promise beyond their output: the size of an index, runs with cron and systemd, a company's proxy.

(What they show: test_docs_commands.py. PyAirbyte, Postgres, pandas and Polars: acceptance/.)
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pages
import pytest
from pages import BEHIND_A_PROXY, USUAL_ADDRESS, WITH_MAKE, commands, section
from sandbox_api import SandboxApi
from sandbox_market import many
from usual import ROOT

if TYPE_CHECKING:
    from conftest import Connector

RECIPES = (ROOT / "docs" / "recipes.md").read_text("utf-8")
NIGHTLY = ROOT / "examples" / "nightly"
CERTIFICATES = ROOT / "unit_tests" / "runtime" / "http" / "certificates"
LONGEST = 60  # seconds
MEMBERS = 503  # of the S&P 500


def number(pattern: str, title: str) -> int:
    """A number that a section of the page names."""
    found = re.search(pattern, " ".join(section(RECIPES, title).split()))
    assert found, pattern
    return int(found[1])


@pytest.fixture
def clone(api: SandboxApi, tmp_path: Path) -> Path:
    """The project at the place that the crontab names, with its environment, and with configs for the sandbox."""
    folder = pages.clone(tmp_path / "source-stock-ticker")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    for name in (".ready", ".ready-to-sync"):  # so that make installs nothing
        (folder / ".venv" / name).touch()
    sample = folder / "sample_files" / "config_sandbox.json"
    sample.write_text(sample.read_text("utf-8").replace(USUAL_ADDRESS, api.url), "utf-8")
    shutil.copy(sample, folder / "secrets" / "config.json")
    return folder


def typed(command: str, folder: Path) -> tuple[int, list[str]]:
    """Exit code and output of a command in that folder."""
    make = {"MAKEFLAGS": "", "MAKELEVEL": "0", "VENV": ".venv"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, **make},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=LONGEST,
    )
    return done.returncode, done.stdout.splitlines()


def recipe(title: str) -> list[str]:
    """The commands of a section of the page."""
    return [step.command for step in commands(section(RECIPES, title))]


# 500 tickers, from a file


@WITH_MAKE
def test_the_tickers_of_an_index_come_out_of_a_file_in_few_requests(clone: Path, api: SandboxApi) -> None:
    tickers = many(api, MEMBERS)
    rows = "".join(f'{ticker},"Company {ticker}, Inc.",Energy\r\n' for ticker in tickers)
    (clone / "secrets" / "members.csv").write_bytes(f"\ufeffSymbol,Security,Sector\r\n{rows}".encode())
    cut, sync = recipe("500 tickers, from a file")
    assert typed(cut, clone) == (0, [])
    code, shown = typed(f'{sync} SET="start_date=2005-02-01 end_date=2005-03-30"', clone)
    days = len(api.days("IBM", "2005-02-01", "2005-03-30", adjusted=True))
    assert (code, shown[1].split()[1:3]) == (0, [f"{MEMBERS * days:,}"] * 2)
    api.requests.clear()
    code, shown = typed(sync, clone)  # as the config has it, to the day after
    assert (code, shown[1].split()[2]) == (0, f"{MEMBERS * (days + 1):,}")
    assert len(api.requests) == number(r"Each night after that takes (\d+)", "500 tickers, from a file")


def test_the_first_read_of_the_tickers_of_an_index_costs_what_the_page_says(
    connector: Connector, api: SandboxApi
) -> None:
    config = {"tickers": many(api, MEMBERS), "start_date": "2011-03-01", "end_date": "2013-02-28"}
    plan = connector.read("--plan", streams=["stock_prices"], **config).logs()
    requests = re.match(r"stock_prices: (\d+) requests", plan)
    assert requests, plan
    splits = 1  # as a stream; plan and prices need them as well
    assert int(requests[1]) + splits == number(r"over two years, take (\d+) requests", "500 tickers, from a file")
    assert number(r"`ticker_details` takes (\d+) more", "500 tickers, from a file") == MEMBERS


# Every night


def by_cron(clone: Path) -> subprocess.Popen[str]:
    """The line of the crontab, run as cron runs it: by sh, in the home folder, with hardly a variable."""
    (line,) = [line for line in (NIGHTLY / "crontab").read_text("utf-8").splitlines() if not line.startswith("#")]
    minute, hour, day, month, weekday, command = line.split(maxsplit=5)
    assert (day, month, weekday) == ("*", "*", "2-6")
    assert (int(minute) < 60, int(hour) < 24, "%" in command) == (True, True, False)
    home = str(clone.parent)
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=home,
        env={"HOME": home, "LOGNAME": "someone", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


NEEDS_FLOCK = pytest.mark.skipif(not shutil.which("flock"), reason="flock is not installed (util-linux, on Linux)")


@NEEDS_FLOCK
def test_cron_is_silent_when_all_went_well_and_the_log_says_what_came(clone: Path) -> None:
    process = by_cron(clone)
    assert process.communicate(timeout=LONGEST) == ("", None)
    assert process.returncode == 0
    assert re.search(r"^stock_prices +82 +82 ", (clone / "secrets" / "nightly.log").read_text(), re.MULTILINE)


@NEEDS_FLOCK
def test_cron_mails_what_went_wrong(clone: Path, api: SandboxApi) -> None:
    api.key = "another"
    process = by_cron(clone)
    mail, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 1
    first, _date, sentence, *_ = mail.splitlines()
    assert first.endswith("examples/nightly/nightly.sh: exit code 1; in secrets/nightly.log:")
    assert sentence.startswith("api_key: ")
    assert "sandbox-key" not in mail


@NEEDS_FLOCK
def test_two_runs_at_the_same_time_do_it_once(clone: Path, api: SandboxApi) -> None:
    api.latency = 0.3
    first = by_cron(clone)
    wait_for(lambda: api.requests)
    second = by_cron(clone)
    said, _ = second.communicate(timeout=LONGEST)
    assert (second.returncode, said) == (75, f"{clone}/examples/nightly/nightly.sh: the last sync is still running\n")
    assert first.poll() is None
    assert first.communicate(timeout=LONGEST) == ("", None)
    assert (first.returncode, len(api.calls("/v3/reference/exchanges"))) == (0, 1)


@NEEDS_FLOCK
def test_a_run_that_was_killed_does_not_lock_out_the_next_one(clone: Path, api: SandboxApi) -> None:
    api.latency = 0.3
    first = by_cron(clone)
    wait_for(lambda: api.requests)
    first.kill()  # only the script: its sync continues and keeps the lock
    first.wait()
    assert by_cron(clone).wait(LONGEST) == 75
    api.latency = 0
    wait_for(lambda: by_cron(clone).wait(LONGEST) == 0)


def wait_for(it: Callable[[], Any]) -> None:
    deadline = time.monotonic() + LONGEST
    while not it():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_timer_and_its_service_are_what_systemd_takes(clone: Path) -> None:
    units = [str(clone / "examples" / "nightly" / f"stock-ticker.{kind}") for kind in ("service", "timer")]
    home = {"HOME": str(clone.parent), "XDG_RUNTIME_DIR": str(clone.parent)}  # %h: the folder with the project
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", *units],
        env={"PATH": os.environ["PATH"], **home},
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_names_the_exit_codes_of_the_script() -> None:
    codes = set(re.findall(r"^\| (\d+)[ ,]", section(RECIPES, "Every night: cron or systemd"), re.MULTILINE))
    script = (NIGHTLY / "nightly.sh").read_text("utf-8")
    assert codes >= set(re.findall(r"^ +(\d+)\) ", script, re.MULTILINE)) == {"0", "75"}
    assert "SuccessExitStatus=75" in (NIGHTLY / "stock-ticker.service").read_text("utf-8")


# Behind a proxy


class Proxy(socketserver.ThreadingTCPServer):
    """A company's proxy: leads every tunnel to one server, and opens TLS on the way, by a certificate of its own."""

    daemon_threads = True

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.server, self.asked = server, list[bytes]()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(CERTIFICATES / "good.pem", CERTIFICATES / "test_only_private_key.pem")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust it hangs up."""


class Tunnel(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        self.server.asked.append(head.split(b"\r\n")[0])
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        client = self.server.tls.wrap_socket(self.request, server_side=True)
        with socket.create_connection(self.server.server) as api:
            threading.Thread(target=forward, args=(api, client), daemon=True).start()
            forward(client, api)


def forward(source: socket.socket, target: socket.socket) -> None:
    while part := source.recv(1 << 16):
        target.sendall(part)


@pytest.fixture
def proxy(api: SandboxApi) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", api.port)) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        yield proxy
        proxy.shutdown()


@pytest.fixture
def behind(proxy: Proxy, clone: Path) -> Callable[[Path], tuple[int, list[str]]]:
    """behind(certificates) -> exit code and output of the page's command with these, behind this proxy."""
    config = (ROOT / "sample_files" / "config_sandbox.json").read_text("utf-8")
    # Nothing listens there: a request that bypasses the proxy fails.
    (clone / "secrets" / "config.json").write_text(config.replace(USUAL_ADDRESS, "https://localhost:1"))
    (command,) = recipe("Behind a proxy")
    assert command.startswith(BEHIND_A_PROXY)
    command = command.replace("http://proxy.example.com:3128", f"http://127.0.0.1:{proxy.server_address[1]}")
    return lambda file: typed(command.replace("/etc/ssl/certs/ca-certificates.crt", str(file)), clone)


@WITH_MAKE
def test_make_sync_goes_through_the_proxy_and_trusts_the_company(
    behind: Callable[[Path], tuple[int, list[str]]], proxy: Proxy, clone: Path, api: SandboxApi
) -> None:
    code, said = behind(CERTIFICATES / "authority.pem")
    assert code == 0, said
    with duckdb.connect(str(clone / "secrets" / "config.duckdb")) as database:
        assert database.execute("SELECT count(*) FROM stock_prices").fetchall() == [(82,)]
    assert {line.rpartition(b" HTTP/")[0] for line in proxy.asked} == {b"CONNECT localhost:1"}
    assert api.calls("/v2/aggs/")


@WITH_MAKE
def test_without_the_companys_certificates_make_sync_names_the_variable(
    behind: Callable[[Path], tuple[int, list[str]]], api: SandboxApi
) -> None:
    usual = ssl.get_default_verify_paths().cafile or pytest.skip("this machine has no file of certificates")
    code, said = behind(Path(usual))
    assert code == 2  # make's own
    assert "REQUESTS_CA_BUNDLE" in "\n".join(said)
    assert api.requests == []
