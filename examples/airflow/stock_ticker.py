"""A DAG of one task: a sync into DuckDB, each night after the trading day is over. For Airflow 3.

This project lints it but does not run it, because it does not install Airflow. The worker needs a clone of the project
in which `make sync` has run once. Thanks to `exec`, Airflow's SIGTERM reaches the sync, which then saves what a STATE
covers.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/opt/source-stock-ticker"

with DAG(
    dag_id="stock_ticker",
    schedule="0 6 * * 2-6",  # UTC: after midnight in New York, summer and winter
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # a sync reads everything that is missing, however long ago the last one was
    max_active_runs=1,  # DuckDB lets one program write
):
    BashOperator(
        task_id="sync",
        cwd=PROJECT,
        bash_command="exec .venv/bin/python destination/sync.py --config secrets/config.json",
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
