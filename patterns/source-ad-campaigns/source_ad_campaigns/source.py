"""The connector: signs in, checks the connection, and says which streams there are."""

import logging
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from .api import Api, page_of
from .runtime.errors import ConfigError
from .runtime.http.auth import bearer
from .runtime.http.oauth2 import OAuth2
from .runtime.parents import Parents
from .runtime.source import Source
from .runtime.stream import Stream
from .streams import Accounts, Clicks, Contacts, DailySpend, Deals

WORKERS = 4  # requests that may be under way at once; rows come out in the same order whatever the number


class SourceAdCampaigns(Source):
    """The tables of Ad Campaigns."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the accounts: this proves address, credentials and the accounts that the config names."""
        # Impatient: a check answers, it does not sit out a rate limit or an outage.
        found, _ = page_of(self._api(logger, config, tries=1).send("GET", "accounts"))
        if unknown := set(config.get("account_ids", ())) - {row.get("id") for row in found}:
            raise ConfigError(f"account_ids: your credentials open no account {', '.join(sorted(unknown))}.")

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        api = self._api(logger, config)  # one for all: they share a token
        accounts = config.get("account_ids") or Parents(Accounts(api, config), itemgetter("id"), WORKERS, logger)
        per_account = [DailySpend(api, config, accounts), Clicks(api, config, accounts)]
        return [Accounts(api, config), Contacts(api, config), Deals(api, config), *per_account]

    def workers(self, config: Mapping[str, Any]) -> int:
        return WORKERS

    def _api(self, logger: logging.Logger, config: Mapping[str, Any], tries: int = 5) -> Api:
        url = config.get("api_url", "https://api.ad-campaigns.example").rstrip("/")
        credentials = {name: text.strip() for name, text in config["credentials"].items()}

        def save(refresh_token: str) -> None:
            self.save_config({**config, "credentials": {**credentials, "refresh_token": refresh_token}})

        if credentials["auth_type"] == "private_app":
            return Api(url, bearer(credentials["access_token"]), logger, tries)
        form = {"grant_type": "refresh_token", **credentials}
        return Api(url, OAuth2(f"{url}/oauth/token", form, logger, self.hide, save, tries=tries), logger, tries)
