"""The connector: checks the connection and lists the streams."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import ROWS, StockApi, read_body
from .runtime.errors import ConfigError, ConnectorError, TransientError, UnexpectedResponse
from .runtime.source import Source
from .runtime.stream import Stream
from .settings import Settings, read_settings
from .streams.announcements import Dividends, Splits
from .streams.news import News
from .streams.prices.stream import StockPrices
from .streams.reference import Exchanges, MarketHolidays, TickerDetails, Tickers

TABLES = (StockPrices, Dividends, Splits, News, Tickers, TickerDetails, Exchanges, MarketHolidays)
CHECK_REQUESTS = 3  # at most: a free key has five a minute
REQUESTS_A_WORKER = 20  # per minute, for each further worker: a response takes a few seconds at most


class SourceStockTicker(Source):
    """US stock prices from the Massive API."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Request one ticker's bars: this proves the key, plan, days and ticker, usually with one request."""
        settings = read_settings(config)
        # Not patient: a check answers quickly. It does not wait for a rate limit or an outage, nor space its requests.
        api = _api(settings, logger, patient=False)
        StockPrices(api, settings, logger).resume({})  # rejects what a read would reject
        if not settings.tickers or settings.start_date > settings.last_day:
            # The whole market, or no day to read yet: prove only the key, with the cheapest request.
            if not read_body(api.get(Tickers.path, {"limit": 1}), ROWS).results:
                raise UnexpectedResponse("The API lists no tickers at all.")
            return
        # The order of the tickers must not matter, so take the alphabetically first.
        ticker, first, last = min(settings.tickers), settings.start_date, settings.last_day
        response = api.bars(ticker, settings.bar_size, first, last, settings.adjusted, limit=100)
        if response is None:
            return  # the API has none of these days yet, but it accepted the key
        body = read_body(response, ROWS)
        if not (body.results or body.next_url or _may_be_listed(api, ticker, logger)):
            raise ConfigError(
                f'tickers: the API has no bars for "{ticker}" from {first} to {last}, and lists it neither as active '
                "nor as delisted. Check the spelling, including upper and lower case."
            )

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        settings = read_settings(config)
        api = _api(settings, logger)  # all streams share it and its rate limit
        return [table(api, settings, logger) for table in TABLES]

    def workers(self, config: Mapping[str, Any]) -> int:
        settings = read_settings(config)
        # With a low limit one worker is enough: more would only queue, each with a request that may prove unnecessary.
        limit = settings.requests_per_minute
        return min(settings.num_workers, 1 + limit // REQUESTS_A_WORKER) if limit else settings.num_workers


def _api(settings: Settings, logger: logging.Logger, patient: bool = True) -> StockApi:
    requests_per_minute = settings.requests_per_minute if patient else 0
    return StockApi(settings.api_url, settings.api_key, logger, requests_per_minute, patient)


def _may_be_listed(api: StockApi, ticker: str, logger: logging.Logger) -> bool:
    """Whether the ticker exists: it may lack bars because of a holiday, a delisting or thin trading.

    Also True, with a warning, if the API does not answer.
    """
    try:
        return any(_is_listed(api, ticker, active) for active in (True, False))
    except ConnectorError as problem:
        logger.warning(
            'tickers: the API has no bars for "%s" in this period, and it is unknown whether the ticker exists. %s',
            ticker,
            problem.message,
        )
        return True


def _is_listed(api: StockApi, ticker: str, active: bool) -> bool:
    """Whether the API lists this ticker as active, or as delisted. Raises ConnectorError if it does not answer."""
    if api.client.rate_limit.given >= CHECK_REQUESTS:
        raise TransientError(f"A check makes at most {CHECK_REQUESTS} requests.")
    response = api.get(Tickers.path, {"ticker": ticker, "active": active})
    found = {str(row.get("ticker")) for row in read_body(response, ROWS).results or ()}
    if any(other.upper() != ticker.upper() for other in found):
        raise UnexpectedResponse(f"The API listed other tickers than the one requested, for {response.path}.")
    return ticker in found
