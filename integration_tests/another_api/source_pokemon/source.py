"""The connector: checks the connection, and says which streams there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .runtime import Source, Stream

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from .api import PokemonApi
    from .settings import Settings

WORKERS = 4  # requests that may be under way at once; rows come out in the same order whatever the number


class SourcePokemon(Source):
    """The other modules are imported where a command needs them: `spec` needs none, and requests takes 100 ms."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the first page of species: this proves address and key by one request."""
        from .api import page_of
        from .settings import read_settings

        # Impatient: a check answers, it does not sit out a rate limit or an outage.
        api = _api(read_settings(config), logger, patient=False)
        page_of(api.get("/species"))

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream]:
        from .settings import read_settings
        from .streams import Sightings, Species

        settings = read_settings(config)
        api = _api(settings, logger)  # one for all: they share a rate limit
        return [Species(api, settings), Sightings(api, settings)]

    def workers(self, config: Mapping[str, Any]) -> int:
        return WORKERS


def _api(settings: Settings, logger: logging.Logger, patient: bool = True) -> PokemonApi:
    from .api import PokemonApi

    return PokemonApi(settings.api_url, settings.api_key, logger, settings.requests_per_minute, patient)
