"""An Airbyte source for US stock prices, from the API of Massive (formerly Polygon.io).

Read it from the top: source.py (the connector), settings.py (its config), streams/ (the tables), api.py
(the remote API), trading_days.py (New York's days). runtime/ is the Airbyte protocol, the same for any source.
"""

import importlib
from typing import Any

from .runtime.entrypoint import launch

__version__ = "0.3.0"
__all__ = ["SourceStockTicker", "main"]


def main() -> int:
    """Run the command that the process's arguments name. -> exit code."""
    return launch(f"{__name__}.source:SourceStockTicker", __version__)


def __getattr__(name: str) -> Any:
    """SourceStockTicker, imported when somebody asks for it (PEP 562): `spec` does not need it."""
    if name == "SourceStockTicker":
        return importlib.import_module(".source", __name__).SourceStockTicker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
