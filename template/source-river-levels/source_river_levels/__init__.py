"""An Airbyte source for River Levels.

Read it from the top: source.py (the connector), settings.py (its config), streams.py (the tables),
api.py (the remote API). runtime/ is the Airbyte protocol, the same for any source.
"""

import importlib
from typing import Any

from .runtime.entrypoint import launch

__version__ = "0.1.0"
__all__ = ["SourceRiverLevels", "main"]


def main() -> int:
    """Run the command given on the command line. -> exit code."""
    return launch(f"{__name__}.source:SourceRiverLevels", __version__)


def __getattr__(name: str) -> Any:
    """SourceRiverLevels, imported on first use (PEP 562): `spec` does not need it."""
    if name == "SourceRiverLevels":
        return importlib.import_module(".source", __name__).SourceRiverLevels
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
