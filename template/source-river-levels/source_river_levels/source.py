"""The connector: checks the connection and lists the streams."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import RiverLevelsApi, page_of
from .runtime.source import Source
from .runtime.stream import Stream
from .settings import Settings, read_settings
from .streams import WORKERS, Readings, Stations

TABLES = (Stations, Readings)


class SourceRiverLevels(Source):
    """The tables of River Levels."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Request the first page of stations: this proves address and key with one request."""
        # Not patient: a check answers quickly, without waiting for a rate limit or an outage.
        api = _api(read_settings(config), logger, patient=False)
        page_of(api.get("/stations"), "stations")

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        settings = read_settings(config)
        api = _api(settings, logger)  # all streams share it and its rate limit
        return [table(api, settings, logger) for table in TABLES]

    def workers(self, config: Mapping[str, Any]) -> int:
        return WORKERS


def _api(settings: Settings, logger: logging.Logger, patient: bool = True) -> RiverLevelsApi:
    limit = settings.requests_per_minute
    return RiverLevelsApi(settings.api_url, settings.api_key, logger, limit, patient)
