"""The connector: checks the connection, and says which streams there are."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import ROWS, StockApi, read_body
from .runtime.errors import ConfigError, UnexpectedResponse
from .runtime.source import Source
from .runtime.stream import Stream
from .settings import Settings, read_settings
from .streams.announcements import Dividends, Splits
from .streams.news import News
from .streams.prices.stream import StockPrices
from .streams.reference import Exchanges, MarketHolidays, TickerDetails, Tickers

TABLES = (StockPrices, Dividends, Splits, News, Tickers, TickerDetails, Exchanges, MarketHolidays)
REQUESTS_A_WORKER = 20  # a minute for each further worker: a response takes a few seconds at most


class SourceStockTicker(Source):
    """US stock prices from the API of Massive."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the first ticker's bars: this proves key, plan, days and ticker with one request."""
        settings = read_settings(config)
        # Impatient: a check answers, it does not sit out a rate limit or an outage.
        api = _api(settings, logger, patient=False)
        StockPrices(api, settings, logger).resume({})  # refuses what a read would refuse
        if not settings.tickers or settings.start_date > settings.last_day:
            # The whole market, or no day to read yet: only the key can be proved, by the cheapest request.
            if not read_body(api.get("/v3/reference/tickers", {"limit": 1}), ROWS).results:
                raise UnexpectedResponse("The API lists no tickers at all.")
            return
        ticker, first, last = settings.tickers[0], settings.start_date, settings.last_day
        response = api.bars(ticker, settings.bar_size, first, last, settings.adjusted, limit=100)
        if response is None:
            return  # the API has none of the days yet: the key was accepted
        body = read_body(response, ROWS)
        if not (body.results or body.next_url):
            raise ConfigError(
                f"tickers: the API has no bars of {ticker} from {first} to {last}. "
                "Is it spelt as the exchange does (upper and lower case differ), and was it traded then?"
            )

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        settings = read_settings(config)
        api = _api(settings, logger)  # one for all: they share a rate limit
        return [table(api, settings, logger) for table in TABLES]

    def workers(self, config: Mapping[str, Any]) -> int:
        settings = read_settings(config)
        # Behind a low limit one is enough: more would only queue, each holding a request that may turn out needless.
        limit = settings.requests_per_minute
        return min(settings.num_workers, 1 + limit // REQUESTS_A_WORKER) if limit else settings.num_workers


def _api(settings: Settings, logger: logging.Logger, patient: bool = True) -> StockApi:
    return StockApi(settings.api_url, settings.api_key, logger, settings.requests_per_minute, patient)
