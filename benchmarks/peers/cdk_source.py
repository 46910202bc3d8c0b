"""Uses the minimum of airbyte-cdk: its class Source, and requests. No streams, no state, no retries.

python cdk_source.py spec | check --config FILE | read --config FILE --catalog FILE
"""

import sys
import time
from collections.abc import Iterator

import requests
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStream,
    ConnectorSpecification,
    Status,
    SyncMode,
    Type,
)
from airbyte_cdk.sources import Source


class Prices(Source):
    def spec(self, logger):
        properties = {"api_key": {"type": "string", "airbyte_secret": True}}
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": properties})

    def check(self, logger, config):
        next(pages(config, config["tickers"][0]))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger, config):
        stream = AirbyteStream(
            name="stock_prices", json_schema={"type": "object"}, supported_sync_modes=[SyncMode.full_refresh]
        )
        return AirbyteCatalog(streams=[stream])

    def read(self, logger, config, catalog, state=None):
        for ticker in config["tickers"]:
            for bars in pages(config, ticker):
                now = int(time.time() * 1000)
                for bar in bars:
                    bar["ticker"] = ticker
                    record = AirbyteRecordMessage(stream="stock_prices", data=bar, emitted_at=now)
                    yield AirbyteMessage(type=Type.RECORD, record=record)


session = requests.Session()


def pages(config: dict, ticker: str) -> Iterator[list]:
    session.headers["Authorization"] = f"Bearer {config['api_key']}"
    days = f"{config['timespan']}/{config['from']}/{config['to']}"
    url = f"{config['base_url']}/v2/aggs/ticker/{ticker}/range/1/{days}?adjusted=true&sort=asc&limit=50000"
    while url:
        response = session.get(url, timeout=60)
        response.raise_for_status()
        body = response.json()
        yield body["results"]
        url = body.get("next_url")


launch(Prices(), sys.argv[1:])
