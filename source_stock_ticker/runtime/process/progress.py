"""Shows a person at a terminal how a read goes on: one line on stderr, by tqdm.

Only where a person sees it and no program reads it: stderr a terminal, stdout a file or a pipe.
"""

from __future__ import annotations

import os
import sys

from tqdm import tqdm

from ..http.rate_limit import RequestStats

SECONDS_BETWEEN = 0.2  # two looks of the line
LINE = "{desc}: {postfix} [{elapsed}]"

tqdm.monitor_interval = 0  # no thread that watches over it


class Progress:
    """The line of one stream. Does nothing where there is nobody to see it."""

    def __init__(self, stream: str) -> None:
        watched = os.isatty(2) and not os.isatty(1)
        self._line = tqdm(
            desc=stream, bar_format=LINE, mininterval=SECONDS_BETWEEN, miniters=0, file=sys.stderr, disable=not watched
        )

    def show(self, rows: int, stats: RequestStats) -> None:
        """Rows written so far, and how the requests go."""
        self._line.set_postfix_str(_words(rows, stats), refresh=False)
        self._line.update()

    def end(self, rows: int, stats: RequestStats) -> None:
        """Leave a last line behind."""
        self._line.set_postfix_str(_words(rows, RequestStats(stats.requests)))
        self._line.close()


def _words(rows: int, stats: RequestStats) -> str:
    text = f"{rows:,} rows, {stats.requests:,} request{'' if stats.requests == 1 else 's'}"
    if stats.seconds_to_wait:
        text += f", waiting {stats.seconds_to_wait:.0f} s for the rate limit"
    if stats.seconds_left:
        minutes, seconds = divmod(round(stats.seconds_left), 60)
        text += f", about {f'{minutes} min' if minutes > 1 else f'{minutes * 60 + seconds} s'} left"
    return text
