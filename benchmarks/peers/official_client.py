"""Uses the API's own Python client, and writes its rows as JSON lines. Not a connector: no messages, no state.

python official_client.py read --config FILE
"""

import json
import sys
from pathlib import Path

from massive import RESTClient

config = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
client = RESTClient(config["api_key"], base=config["base_url"])
for ticker in config["tickers"]:
    days = (config["timespan"], config["from"], config["to"])
    for bar in client.list_aggs(ticker, 1, *days, adjusted=True, sort="asc", limit=50_000):
        row = {
            "ticker": ticker,
            "t": bar.timestamp,
            "o": bar.open,
            "h": bar.high,
            "l": bar.low,
            "c": bar.close,
            "v": bar.volume,
            "vw": bar.vwap,
            "n": bar.transactions,
        }
        sys.stdout.write(json.dumps(row) + "\n")
