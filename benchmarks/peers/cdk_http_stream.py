"""Uses airbyte-cdk's AbstractSource and HttpStream, the usual way to write Python connectors with it.

python cdk_http_stream.py spec | check --config FILE | read --config FILE --catalog FILE
"""

import sys

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification, SyncMode
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams.http import HttpStream
from airbyte_cdk.sources.streams.http.requests_native_auth import TokenAuthenticator

NUMBER = {"type": ["null", "number"]}
FIELDS = {"ticker": {"type": "string"}, "t": {"type": "integer"}, **dict.fromkeys(("o", "h", "l", "c", "v"), NUMBER)}


class StockPrices(HttpStream):
    name = "stock_prices"
    primary_key = [["ticker"], ["t"]]  # noqa: RUF012 - as the CDK has it

    def __init__(self, config, authenticator):
        self._config = config
        super().__init__(authenticator=authenticator)

    @property
    def url_base(self):
        return self._config["base_url"]

    def get_json_schema(self):
        return {"type": "object", "additionalProperties": True, "properties": FIELDS}

    def stream_slices(self, **kwargs):
        for ticker in self._config["tickers"]:
            yield {"ticker": ticker}

    def path(self, stream_slice=None, next_page_token=None, **kwargs):
        if next_page_token:
            return next_page_token["path"]
        days = f"{self._config['timespan']}/{self._config['from']}/{self._config['to']}"
        return f"/v2/aggs/ticker/{stream_slice['ticker']}/range/1/{days}"

    def request_params(self, next_page_token=None, **kwargs):
        return {} if next_page_token else {"adjusted": "true", "sort": "asc", "limit": "50000"}

    def next_page_token(self, response):
        link = response.json().get("next_url")
        return {"path": link.removeprefix(self.url_base)} if link else None

    def parse_response(self, response, stream_slice=None, **kwargs):
        for bar in response.json()["results"]:
            bar["ticker"] = stream_slice["ticker"]
            yield bar


class Prices(AbstractSource):
    def spec(self, logger):
        properties = {"api_key": {"type": "string", "airbyte_secret": True}}
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": properties})

    def check_connection(self, logger, config):
        stream = self.streams(config)[0]
        next(stream.read_records(SyncMode.full_refresh, stream_slice={"ticker": config["tickers"][0]}))
        return True, None

    def streams(self, config):
        return [StockPrices(config, TokenAuthenticator(config["api_key"]))]


launch(Prices(), sys.argv[1:])
