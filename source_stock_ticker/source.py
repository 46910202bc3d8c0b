"""The connector: checks the connection, and says which streams there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .runtime import ConfigError, Source, Stream, UnexpectedAnswer

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from .api import StockApi
    from .settings import Settings

REQUESTS_A_WORKER = 20  # a minute, and one worker more: an answer takes some seconds at most


class SourceStockTicker(Source):
    """US stock prices from the API of Massive.

    The other modules are imported where a command needs them: `spec` needs none, and requests takes 100 ms.
    """

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the first ticker's bars: this proves key, plan, days and ticker by one request."""
        from .api import NotYet, parsed, results
        from .prices import StockPrices
        from .settings import read_settings
        from .trading_days import weekday_before

        settings = read_settings(config)
        # Impatient: a check answers, it does not sit out a rate limit or an outage.
        api = _api(settings, logger, patient=False)
        prices = StockPrices(api, settings, logger)
        prices.resume({})  # refuses what a read would refuse
        if not settings.tickers or settings.start_date > settings.last_day:
            # The whole market, or no day to read yet: only the key can be proved, by the cheapest request.
            answer = api.get("/v3/reference/tickers", {"limit": 1})
            if not results(answer, parsed(answer)):
                raise UnexpectedAnswer("The API lists no tickers at all.")
            return
        try:
            answer = prices.bars(settings.tickers[0], settings.start_date, settings.last_day, limit=100)
        except NotYet:  # a read steps back one day then, too
            day_before = weekday_before(settings.last_day, 1)
            if day_before < settings.start_date:
                return  # no day is left to ask for: the key was accepted
            answer = prices.bars(settings.tickers[0], settings.start_date, day_before, limit=100)
        body = parsed(answer)
        if not (results(answer, body) or body.get("next_url")):
            days = f"{settings.start_date} to {settings.last_day}"
            raise ConfigError(
                f"tickers: the API has no bars of {settings.tickers[0]} from {days}. "
                "Is it spelt as the exchange does (upper and lower case differ), and was it traded then?"
            )

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream]:
        from . import streams
        from .prices import StockPrices
        from .settings import read_settings

        settings = read_settings(config)
        api = _api(settings, logger)  # one for all: they share a rate limit
        tables = (
            StockPrices,
            streams.Dividends,
            streams.Splits,
            streams.News,
            streams.Tickers,
            streams.TickerDetails,
            streams.Exchanges,
            streams.MarketHolidays,
        )
        return [table(api, settings, logger) for table in tables]

    def workers(self, config: Mapping[str, Any]) -> int:
        from .settings import read_settings

        settings = read_settings(config)
        # Behind a low limit one is enough: more would only stand in line, each with a request that may turn out vain.
        limit = settings.requests_per_minute
        return min(settings.num_workers, 1 + limit // REQUESTS_A_WORKER) if limit else settings.num_workers


def _api(settings: Settings, logger: logging.Logger, patient: bool = True) -> StockApi:
    from .api import StockApi

    return StockApi(settings.api_url, settings.api_key, logger, settings.requests_per_minute, patient)
