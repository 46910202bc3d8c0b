"""An Airbyte source for River Levels.

Read it from the top: source.py (the connector), settings.py (its config), streams.py (the tables),
api.py (the remote API). runtime/ is the Airbyte protocol, the same for any source.
"""

from __future__ import annotations

from .source import SourceRiverLevels

__version__ = "0.1.0"
__all__ = ["SourceRiverLevels", "main"]


def main() -> int:
    """Run the command that the process's arguments name. -> exit code."""
    from .runtime import launch

    return launch(SourceRiverLevels(), __version__)
