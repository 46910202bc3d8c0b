"""Runs dlt's rest_api source, with a destination that writes rows as JSON lines to stdout.

python dlt_rest_api.py read --config FILE
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR")
import dlt
from dlt.sources.rest_api import rest_api_source

config = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())


def prices(ticker: str) -> dict:
    days = f"{config['timespan']}/{config['from']}/{config['to']}"
    return {
        "name": f"of_{ticker}",
        "table_name": "stock_prices",
        "write_disposition": "append",
        "processing_steps": [{"map": lambda bar: {**bar, "ticker": ticker}}],
        "endpoint": {
            "path": f"v2/aggs/ticker/{ticker}/range/1/{days}",
            "params": {"adjusted": "true", "sort": "asc", "limit": "50000"},
            "data_selector": "results",
            "paginator": {"type": "json_link", "next_url_path": "next_url"},
        },
    }


@dlt.destination(batch_size=10_000)
def to_stdout(rows, table):
    sys.stdout.write("".join([json.dumps(row) + "\n" for row in rows]))


client = {"base_url": f"{config['base_url']}/", "auth": {"type": "bearer", "token": config["api_key"]}}
source = rest_api_source({"client": client, "resources": [prices(ticker) for ticker in config["tickers"]]})
with tempfile.TemporaryDirectory() as folder:
    dlt.pipeline("prices", destination=to_stdout, pipelines_dir=folder).run(source)
