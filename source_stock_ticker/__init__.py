"""Reads US stock prices from the Massive (formerly Polygon.io) API, as an Airbyte source.

Read it from the top: source.py (the connector), settings.py (its config), streams/ (the tables), api.py
(the remote API), trading_days.py (New York dates). runtime/ is the Airbyte protocol, the same for any source.
"""

import importlib
from typing import Any

from .runtime.entrypoint import launch

__version__ = "0.3.0"
__all__ = ["SourceStockTicker", "main"]


def main() -> int:
    """Run the command given on the command line. -> exit code."""
    return launch(f"{__name__}.source:SourceStockTicker", __version__)


def __getattr__(name: str) -> Any:
    """SourceStockTicker, imported on first use (PEP 562): `spec` does not need it."""
    if name == "SourceStockTicker":
        return importlib.import_module(".source", __name__).SourceStockTicker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
