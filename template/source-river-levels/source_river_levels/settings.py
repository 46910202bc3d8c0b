"""Turns the user's config into typed values, and makes the checks that a JSON Schema cannot."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .runtime.errors import ConfigError
from .runtime.protocol import options

FIRST_YEAR = 1970  # no reading is older


class Settings(NamedTuple):
    """Moments are in UTC."""

    api_key: str
    api_url: str  # without a trailing slash
    start: datetime
    now: datetime
    lookback_days: int
    requests_per_minute: int  # 0 = no limit


def read_settings(config: Mapping[str, Any], now: datetime | None = None) -> Settings:
    """The settings of a config that fits spec.yaml. now: the current time by default. Raises ConfigError."""
    return Settings(
        api_key=options.key(config["api_key"]),
        api_url=options.address(config.get("api_url", "https://api.river-levels.example")),
        start=_midnight(config, "start_date"),
        now=now or datetime.now(timezone.utc),
        lookback_days=int(config.get("lookback_days", 2)),
        requests_per_minute=int(config.get("requests_per_minute", 60)),
    )


def _midnight(config: Mapping[str, Any], field: str) -> datetime:
    try:
        day = datetime.strptime(config[field], "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        day = None
    if day is None or day.year < FIRST_YEAR:
        raise ConfigError(f"{field}: {config[field]} is not a day (write it as YYYY-MM-DD, for example 2024-12-31).")
    return day
