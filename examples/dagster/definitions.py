"""Defines the streams as Dagster assets. Those that depend on tickers have partitions, one for each group of tickers.

    python -m dagster asset materialize -f examples/dagster/definitions.py --select stock_prices --partition 1-of-3

Dagster decides what to read, when and on which machine. Each partition's state is in its database, so you can simply
restart a run that failed or was stopped. Partitions can run at the same time: each has its own database and its share
of the requests. One partition cannot run twice at the same time: DuckDB locks its file.

Variables: CONFIG (default: the sandbox), DATABASE, PARTS (a different number means different databases).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = os.environ.get("CONFIG")
DATABASE = os.environ.get("DATABASE", str(ROOT / "secrets" / "dagster.duckdb"))
PARTS = int(os.environ.get("PARTS", "3"))
ONCE = {"exchanges", "market_holidays"}  # they do not depend on tickers
AFTER_THE_DAY = {"cron_schedule": "0 1 * * 2-6", "execution_timezone": "America/New_York"}

groups = dagster.StaticPartitionsDefinition([f"{number}-of-{PARTS}" for number in range(1, PARTS + 1)])


def streams() -> list[str]:
    """What the connector can read. No requests."""
    config = CONFIG or str(ROOT / "sample_files" / "config_sandbox.json")
    command = [sys.executable, str(ROOT / "main.py"), "discover", "--config", config]
    messages = map(json.loads, subprocess.check_output(command, encoding="utf-8").splitlines())
    (catalog,) = [message["catalog"] for message in messages if message["type"] == "CATALOG"]
    return [stream["name"] for stream in catalog["streams"]]


def synced(context: dagster.AssetExecutionContext, *options: str) -> Iterator[dagster.MaterializeResult]:
    """Read the selected streams in one sync. Log its table, and report to each asset how many rows its table has."""
    names = sorted(key.to_user_string() for key in context.selected_asset_keys)
    config = ["--config", CONFIG] if CONFIG else []
    words = [*config, "--database", DATABASE, "--streams", ",".join(names), *options]
    command = [sys.executable, str(ROOT / "destination" / "sync.py"), *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    context.log.info(done.stdout)
    if done.returncode:
        raise dagster.Failure(done.stderr.strip(), metadata={"exit code": done.returncode})
    shown = [line.split() for line in done.stdout.splitlines()]
    rows = {words[0]: int(words[2].replace(",", "")) for words in shown if words and words[0] in names}
    for name in names:
        yield dagster.MaterializeResult(asset_key=name, metadata={"rows": rows.get(name, 0)})


specs = [dagster.AssetSpec(name) for name in streams()]


@dagster.multi_asset(
    specs=[spec for spec in specs if spec.key.to_user_string() not in ONCE], partitions_def=groups, can_subset=True
)
def of_tickers(context: dagster.AssetExecutionContext) -> Iterator[dagster.MaterializeResult]:
    yield from synced(context, "--part", f"tickers={context.partition_key.replace('-of-', '/')}")


@dagster.multi_asset(specs=[spec for spec in specs if spec.key.to_user_string() in ONCE], can_subset=True)
def of_the_market(context: dagster.AssetExecutionContext) -> Iterator[dagster.MaterializeResult]:
    yield from synced(context)


nightly = dagster.define_asset_job("nightly", dagster.AssetSelection.assets(of_tickers))


@dagster.schedule(job=nightly, **AFTER_THE_DAY)
def each_night(context: dagster.ScheduleEvaluationContext) -> Iterator[dagster.RunRequest]:
    for group in groups.get_partition_keys():
        yield dagster.RunRequest(run_key=f"{context.scheduled_execution_time:%F} {group}", partition_key=group)


definitions = dagster.Definitions(assets=[of_tickers, of_the_market], jobs=[nightly], schedules=[each_night])
