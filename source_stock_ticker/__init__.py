"""An Airbyte source for US stock prices, from the API of Massive (formerly Polygon.io).

Read it from the top: source.py (the connector), settings.py (its config), streams.py (the simple
tables), api.py (the remote API). The prices have modules of their own: prices.py (what to ask),
plan.py (by how few requests), coverage.py (what has been read), bars.py (how a bar becomes a row),
trading_days.py (New York's days). runtime/ is the Airbyte protocol, the same for any source.
"""

from __future__ import annotations

from .source import SourceStockTicker

__version__ = "0.1.0"
__all__ = ["SourceStockTicker", "main"]


def main() -> int:
    """Run the command that the process's arguments name. -> exit code."""
    from .runtime import launch

    return launch(SourceStockTicker(), __version__)
