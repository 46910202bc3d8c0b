"""Runs a tap made with Meltano's singer-sdk: it writes Singer's messages, not Airbyte's.

python singer_tap.py spec | read --config FILE
"""

import sys
from urllib.parse import parse_qsl

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator

NUMBERS = [th.Property(name, th.NumberType) for name in ("o", "h", "l", "c", "v", "vw", "n")]
DAYS = [th.Property(name, th.StringType) for name in ("timespan", "from", "to")]


class NextUrl(BaseHATEOASPaginator):
    def get_next_url(self, response):
        return response.json().get("next_url")


class StockPrices(RESTStream):
    name = "stock_prices"
    primary_keys = ("ticker", "t")
    records_jsonpath = "$.results[*]"
    path = "/v2/aggs/ticker/{ticker}/range/1/{timespan}/{from}/{to}"
    schema = th.PropertiesList(
        th.Property("ticker", th.StringType), th.Property("t", th.IntegerType), *NUMBERS
    ).to_dict()

    @property
    def url_base(self):
        return self.config["base_url"]

    @property
    def partitions(self):
        return [{"ticker": ticker} for ticker in self.config["tickers"]]

    @property
    def authenticator(self):
        return BearerTokenAuthenticator(token=self.config["api_key"])

    def get_new_paginator(self):
        return NextUrl()

    def get_url_params(self, context, next_page_token):
        if next_page_token:
            return dict(parse_qsl(next_page_token.query))
        return {"adjusted": "true", "sort": "asc", "limit": "50000"}


class Prices(Tap):
    name = "tap-prices"
    config_jsonschema = th.PropertiesList(
        th.Property("api_key", th.StringType, required=True, secret=True),
        th.Property("base_url", th.StringType),
        th.Property("tickers", th.ArrayType(th.StringType)),
        *DAYS,
    ).to_dict()

    def discover_streams(self):
        return [StockPrices(self)]


command, *options = sys.argv[1:]
Prices.cli(["--about"] if command == "spec" else options[:2])
