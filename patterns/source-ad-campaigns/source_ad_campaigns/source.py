"""The connector: signs in, checks the connection and lists the streams."""

import logging
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from .api import Api, page_of
from .runtime.errors import ConfigError
from .runtime.http.auth import bearer
from .runtime.http.oauth2 import OAuth2
from .runtime.parents import Parents
from .runtime.protocol import options
from .runtime.source import Source
from .runtime.stream import Stream
from .streams import Accounts, Clicks, Contacts, DailySpend, Deals

WORKERS = 4  # requests that can run at the same time; the number does not change the order of the rows


class SourceAdCampaigns(Source):
    """The tables of Ad Campaigns."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Request the accounts: this proves the address, the credentials and the accounts in the config."""
        # Not patient: a check answers quickly, without waiting for a rate limit or an outage.
        found, _ = page_of(self._api(logger, config, tries=1).send("GET", "accounts"))
        if unknown := set(config.get("account_ids", ())) - {row.get("id") for row in found}:
            raise ConfigError(f"account_ids: your credentials give no access to {', '.join(sorted(unknown))}.")

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        api = self._api(logger, config)  # all streams share it and its token
        accounts = config.get("account_ids") or Parents(Accounts(api, config), itemgetter("id"), WORKERS, logger)
        per_account = [DailySpend(api, config, accounts), Clicks(api, config, accounts)]
        return [Accounts(api, config), Contacts(api, config), Deals(api, config), *per_account]

    def workers(self, config: Mapping[str, Any]) -> int:
        return WORKERS

    def _api(self, logger: logging.Logger, config: Mapping[str, Any], tries: int = 5) -> Api:
        url = options.address(config.get("api_url", "https://api.ad-campaigns.example"))
        credentials = {name: text.strip() for name, text in config["credentials"].items()}

        def save(refresh_token: str) -> None:
            self.save_config({**config, "credentials": {**credentials, "refresh_token": refresh_token}})

        if credentials["auth_type"] == "private_app":
            return Api(url, bearer(credentials["access_token"]), logger, tries)
        form = {"grant_type": "refresh_token", **credentials}
        return Api(url, OAuth2(f"{url}/oauth/token", form, logger, self.hide, save, tries=tries), logger, tries)
