"""The least that does the job: requests and orjson, one thread, no retries, checks, state or rate limit. A lower bound.

python prototype.py spec | read --config FILE
"""

import sys
import time
from pathlib import Path

if sys.argv[1] == "spec":
    print('{"type":"SPEC","spec":{"connectionSpecification":{"type":"object","properties":{}}}}')
    sys.exit()

import orjson
import requests

config = orjson.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_bytes())
session = requests.Session()
session.headers["Authorization"] = f"Bearer {config['api_key']}"


def records(url: str, ticker: "str | None") -> None:
    """Write the rows of all pages; of a grouped day (ticker is None) each bar names its own."""
    while url:
        response = session.get(url, timeout=60)
        response.raise_for_status()
        body = orjson.loads(response.content)
        now = int(time.time() * 1000)
        lines = []
        for bar in body["results"]:
            bar["ticker"] = ticker or bar.pop("T")
            message = {"type": "RECORD", "record": {"stream": "stock_prices", "data": bar, "emitted_at": now}}
            lines.append(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.write(b"".join(lines))
        url = body.get("next_url")


base = f"{config['base_url']}/v2/aggs"
if "day" in config:
    records(f"{base}/grouped/locale/us/market/stocks/{config['day']}?adjusted=true", None)
else:
    days = f"{config['timespan']}/{config['from']}/{config['to']}"
    for ticker in config["tickers"]:
        records(f"{base}/ticker/{ticker}/range/1/{days}?adjusted=true&sort=asc&limit=50000", ticker)
