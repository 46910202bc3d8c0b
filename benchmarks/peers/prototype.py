"""Does the job with the minimum: requests and orjson, no threads, retries, checks, state or rate limit. A lower bound.

python prototype.py spec | read --config FILE
"""

import sys

if sys.argv[1] == "spec":
    print('{"type":"SPEC","spec":{"connectionSpecification":{"type":"object","properties":{}}}}')
    sys.exit()

import io
import time
from pathlib import Path

import orjson
import requests

config = orjson.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_bytes())
out = io.BufferedWriter(io.FileIO(1, "wb", closefd=False), 65_536)
session = requests.Session()
session.headers["Authorization"] = f"Bearer {config['api_key']}"


def records(url: str, ticker: "str | None") -> None:
    """Write the rows of all pages; in a grouped day (ticker is None) each bar names its ticker."""
    while url:
        response = session.get(url, timeout=60)
        response.raise_for_status()
        body = orjson.loads(response.content)
        record = {"stream": "stock_prices", "data": None, "emitted_at": int(time.time() * 1000)}
        message = {"type": "RECORD", "record": record}
        for bar in body["results"]:
            bar["ticker"] = ticker or bar.pop("T")
            record["data"] = bar
            out.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        url = body.get("next_url")


base = f"{config['base_url']}/v2/aggs"
if "day" in config:
    records(f"{base}/grouped/locale/us/market/stocks/{config['day']}?adjusted=true", None)
else:
    days = f"{config['timespan']}/{config['from']}/{config['to']}"
    for ticker in config["tickers"]:
        records(f"{base}/ticker/{ticker}/range/1/{days}?adjusted=true&sort=asc&limit=50000", ticker)
out.flush()
