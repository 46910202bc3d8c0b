"""Lists what is measured, and the goals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from server import BEFORE_END, Data

ALL_PEERS = ("lowcode", "httpstream", "cdksource", "client", "singer", "dlt")


class Case(NamedTuple):
    """data, latency: of the server. options: of our config.

    before: what differs in an earlier sync whose state ours resumes from; None if there is none.
    """

    title: str
    command: str
    contestants: Iterable[str]
    data: Data
    latency: float = 0.0
    options: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    before: dict[str, Any] | None = None

    @property
    def brings_rows(self) -> bool:
        return self.before != {}


DAYS = Data(100, 2_500)
ONE_TICKER = Data(1, 250)
ONE_DAY = {"start_date": BEFORE_END, "lookback_days": 0}
CASES = {
    "spec": Case("`spec`", "spec", ("ours", "python", "bound", *ALL_PEERS), ONE_TICKER),
    "check": Case("`check`", "check", ("ours", *ALL_PEERS), ONE_TICKER),
    "small": Case("250 rows of one ticker", "read", ("ours", "bound", *ALL_PEERS), ONE_TICKER),
    "days": Case("250,000 rows of 100 tickers", "read", ("ours", "ours1", "bound", *ALL_PEERS), DAYS),
    "pages": Case(
        "1,000,000 rows of 20 tickers, in pages of 10,000",
        "read",
        ("ours", "ours1", "bound", "lowcode", "cdksource", "client"),  # with the others it would take twice as long
        Data(20, 50_000, "minute", 10_000),
    ),
    "fewpages": Case(
        "50,000 rows of one ticker, in pages of 10,000", "read", ("ours", "ours1"), Data(1, 50_000, "minute", 10_000)
    ),
    "largepages": Case(
        "1,000,000 rows of 20 tickers, in pages of 50,000",
        "read",
        ("ours", "ours1", "bound"),
        Data(20, 50_000, "minute", 50_000),
    ),
    "latency": Case(
        "250,000 rows of 100 tickers, 50 ms before each response",
        "read",
        ("ours", "ours1", "ours2", "ours8", "ours16", "bound", "lowcode", "lowcode10", "cdksource", "client"),
        DAYS,
        0.05,
    ),
    "newday": Case(
        "One new day of 10,000 tickers, `lookback_days` 0",
        "read",
        ("ours", "ours1", "bound", "ours_check"),
        Data(10_000, 1, grouped=True),
        options=ONE_DAY,
        before={"end_date": BEFORE_END},
    ),
    "nothing": Case(
        "Nothing new of 10,000 tickers, `lookback_days` 0",
        "read",
        ("ours", "ours_check"),
        Data(10_000, 1, grouped=True),
        options=ONE_DAY,
        before={},
    ),
}


def tiny(case: Case) -> Case:
    data = case.data
    return case._replace(data=data._replace(tickers=min(data.tickers, 30), bars=min(data.bars, 20), page=8), latency=0)


class Goal(NamedTuple):
    """Of the wall time of `slower` by that of `faster`; or of the peak of `slower` in MB, or of its price requests."""

    case: str
    slower: str
    faster: str  # or "MB", or "requests for prices"
    at_least: float | None = None
    at_most: float | None = None


GOALS = [
    Goal("spec", "lowcode", "ours", at_least=15),
    Goal("small", "lowcode", "ours", at_least=5),
    *(
        goal
        for case in ("days", "pages")
        for goal in (
            Goal(case, "lowcode", "ours", at_least=28),
            Goal(case, "cdksource", "ours", at_least=5),
            Goal(case, "client", "ours", at_least=4),
            Goal(case, "ours", "bound", at_most=1),
        )
    ),
    Goal("latency", "lowcode", "ours", at_least=12),
    Goal("latency", "ours1", "ours2", at_least=1.6),  # four fifths of the best possible gain from the workers
    Goal("latency", "ours1", "ours", at_least=3.2),
    Goal("fewpages", "ours1", "MB", at_most=60),
    Goal("fewpages", "ours", "MB", at_most=100),
    Goal("pages", "ours1", "MB", at_most=60),
    Goal("pages", "ours", "MB", at_most=100),
    Goal("largepages", "ours", "MB", at_most=150),
    Goal("newday", "ours", "requests for prices", at_most=1),
    Goal("nothing", "ours", "requests for prices", at_most=0),
]
