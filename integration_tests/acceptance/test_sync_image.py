"""destination/Dockerfile: the image of `make sync`, built on the connector's, locked in as examples/kubernetes has it.

`make imagetest` builds the connector's image and runs this too.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from project_copy import ROOT
from sandbox_api import SandboxApi

pytestmark = pytest.mark.image_tests

SYNC_IMAGE = "airbyte/source-stock-ticker:sync-test"
LOCKED_IN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host"]


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, encoding="utf-8", timeout=300, check=False)


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> str:
    connector = pytestconfig.getoption("--connector-image") or pytest.skip("no --connector-image names an image")
    built = docker(
        "build",
        "--network",
        "host",
        str(ROOT / "destination"),
        "-t",
        SYNC_IMAGE,
        "--build-arg",
        f"CONNECTOR={connector}",
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return SYNC_IMAGE


@pytest.fixture
def sync(image: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """sync("--streams", "splits"): with the database on a volume that anyone may write to."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    tmp_path.chmod(0o755)
    volumes = ["-v", f"{tmp_path}:/secrets:ro", "-v", f"{data}:/data"]
    words = ["--config=/secrets/config.json", "--database=/data/stocks.duckdb"]
    return lambda *more: docker("run", "--rm", *LOCKED_IN, *volumes, image, *words, *more)


def test_it_syncs_and_goes_on_where_the_last_container_ended(
    sync: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    with SandboxApi() as api:
        config = {"api_key": api.key, "api_url": api.url, "tickers": ["AAPL", "IBM"], "requests_per_minute": 0}
        days = {"start_date": "2005-02-01", "end_date": "2005-03-31"}
        (tmp_path / "config.json").write_text(json.dumps(config | days))
        first, second = sync("--part", "tickers=1/3"), sync("--part", "tickers=1/3")
    assert [(done.returncode, done.stderr) for done in (first, second)] == [(0, ""), (0, "")]
    shown = [done.stdout.splitlines()[1].split()[:3] for done in (first, second)]
    assert shown == [["stock_prices", "41", "41"], ["stock_prices", "3", "41"]]
    assert {file.name for file in (tmp_path / "data").iterdir()} == {"stocks.1-of-3.duckdb"}


def test_it_runs_as_a_user_by_number(image: str) -> None:
    (told,) = json.loads(docker("image", "inspect", image).stdout)
    assert told["Config"]["User"] == "1000"
