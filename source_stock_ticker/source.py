"""The connector: checks the connection, and says which streams there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .runtime import ConfigError, Source, Stream, UnexpectedAnswer

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from .api import StockApi
    from .settings import Settings

PACKAGE = Path(__file__).parent


class SourceStockTicker(Source):
    """US stock prices from the API of Massive.

    The other modules are imported where a command needs them: `spec` needs none, and requests takes 100 ms.
    """

    # The built package carries the file; a checkout has it one folder up.
    spec_file = next(path for path in (PACKAGE / "spec.yaml", PACKAGE.parent / "spec.yaml") if path.exists())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the first ticker's bars: this proves key, plan, days and ticker by one request."""
        from .api import NotYet, parsed, results
        from .prices import StockPrices
        from .settings import settings
        from .trading_days import weekday_before

        of = settings(config)
        # Impatient: a check answers, it does not sit out a rate limit or an outage.
        api = _api(of, logger, patient=False)
        prices = StockPrices(api, of, logger)
        prices.resume({})  # refuses what a read would refuse
        if not of.tickers or of.start_date > of.last_day:
            # The whole market, or no day to read yet: only the key can be proved, by the cheapest request.
            answer = api.get("/v3/reference/tickers", {"limit": 1})
            if not results(answer, parsed(answer)):
                raise UnexpectedAnswer("The API lists no tickers at all.")
            return
        try:
            answer = prices.bars(of.tickers[0], of.start_date, of.last_day, limit=100)
        except NotYet:  # a read steps back one day then, too
            day_before = weekday_before(of.last_day, 1)
            if day_before < of.start_date:
                return
            answer = prices.bars(of.tickers[0], of.start_date, day_before, limit=100)
        body = parsed(answer)
        if not (results(answer, body) or body.get("next_url")):
            raise ConfigError(
                f"tickers: the API has no bars of {of.tickers[0]} from {of.start_date} to {of.last_day}. "
                "Is it spelt as the exchange does (upper and lower case differ), and was it traded then?"
            )

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream]:
        from . import streams
        from .prices import StockPrices
        from .settings import settings

        of = settings(config)
        api = _api(of, logger)  # one for all: they share a rate limit
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
        return [table(api, of, logger) for table in tables]

    def workers(self, config: Mapping[str, Any]) -> int:
        return int(config.get("num_workers", 4))


def _api(of: Settings, logger: logging.Logger, patient: bool = True) -> StockApi:
    from .api import StockApi

    return StockApi(of.api_url, of.api_key, logger, of.requests_per_minute, patient)
