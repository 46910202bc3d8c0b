"""An Airbyte source for US stock prices, from the API of Massive (formerly Polygon.io).

Read it from the top: source.py (the connector), streams.py (its tables), api.py (the remote API),
trading_days.py (New York's calendar). runtime/ is the Airbyte protocol, the same for any source.
"""

from __future__ import annotations

from .source import SourceStockTicker

__version__ = "0.1.0"
__all__ = ["SourceStockTicker", "main"]


def main() -> int:
    """Run the command that the process's arguments name. -> exit code."""
    from .runtime import launch

    return launch(SourceStockTicker(), __version__)
