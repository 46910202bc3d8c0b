"""Reads the configured catalog: which streams to read, and how. (Protocol: ConfiguredAirbyteCatalog.)"""

from typing import Any, NamedTuple

from ..errors import ConfigError

DISCOVERED = (
    "catalog: this is the output of discover, which lists all streams. A configured catalog selects what to read, "
    'and how: {"streams": [{"stream": {"name": ..}, "sync_mode": ..}, ..]}, as in sample_files/.'
)


class ConfiguredStream(NamedTuple):
    """One stream of the configured catalog; the catalog's other fields are for the destination.

    sync_id: the platform's number of the job, the same in all its attempts; None on older platforms.
    """

    name: str
    namespace: str | None
    incremental: bool
    sync_id: int | None = None


def configured_streams(catalog: Any) -> list[ConfiguredStream]:
    """The streams of a catalog file's content, in its order. Raises a ConfigError that says what is wrong."""
    if isinstance(catalog, dict) and catalog.get("type") == "CATALOG":
        raise ConfigError(DISCOVERED)
    entries = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(entries, list):
        raise ConfigError('catalog: it must be an object with a list "streams", as in sample_files/.')
    streams = [_configured(entry, index) for index, entry in enumerate(entries)]
    for stream in streams:
        if sum(stream.name == other.name for other in streams) > 1:
            raise ConfigError(f"catalog: the stream {stream.name} is listed more than once; keep one.")
    return streams


def _configured(entry: Any, index: int) -> ConfiguredStream:
    stream = entry.get("stream") if isinstance(entry, dict) else None
    if isinstance(entry, dict) and "stream" not in entry and "name" in entry:
        raise ConfigError(DISCOVERED)
    if not isinstance(stream, dict) or not isinstance(name := stream.get("name"), str) or not name:
        raise ConfigError(f'catalog: streams[{index}] needs a "stream" with a "name".')
    namespace, mode = stream.get("namespace") or None, entry.get("sync_mode")
    if not isinstance(namespace, str | None):
        raise ConfigError(f"catalog: the namespace of {name} must be a string.")
    if mode not in ("full_refresh", "incremental"):
        raise ConfigError(f"catalog: the sync_mode of {name} must be full_refresh or incremental.")
    sync_id = entry.get("sync_id")
    # The platform writes it, not the user, so anything but a number counts as none.
    return ConfiguredStream(name, namespace, mode == "incremental", sync_id if type(sync_id) is int else None)
