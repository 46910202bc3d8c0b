"""Reads the state file: where each stream stopped, in any of the formats that such a file can have.

    [{"type": "STREAM", "stream": {"stream_descriptor": {"name": N}, "stream_state": {..}}}, ..]
                                                            what the platform passes
    {"type": "STATE", "state": {..one of those..}}          a line of an earlier read; the last one counts
    {"stream_descriptor": {"name": N}, "stream_state": {..}}    the content of a STREAM state
    {"streamDescriptor": {"name": N}, "streamState": {..}}      the same, as Airbyte's web page shows it
    {"type": "GLOBAL", "global": {"stream_states": [..]}}   from older platforms
    {"data": {N: {..}}}  and  {N: {..}}                     LEGACY, even older: contains one of our streams
    [], {}, null                                            nothing yet

(Protocol: AirbyteStateMessage. We write only STREAM.)
"""

import json
from collections.abc import Collection
from typing import Any

from ..errors import ConfigError
from .files import is_deep

SavedStates = dict[tuple[str, str | None], dict[str, Any]]  # by stream name and namespace
OTHER_LINES = ("RECORD", "LOG", "TRACE", "CONTROL")  # what a read writes besides its STATEs


def saved_states(text: str, ours: Collection[str]) -> SavedStates:
    """Each stream's saved state, from the text of a state file. Raises ConfigError for any other text.

    An unreadable file is rejected: treating it as "no state" would silently read everything again. ours: the names of
    the source's streams. Any JSON object could be a LEGACY state, so one without our streams is rejected. Other states
    can name streams that the source once had; those are accepted.
    """
    if not text.strip():
        raise ConfigError("state: the file is empty; pass the output of an earlier read, or [] for no state.")
    messages = _messages(text)
    if is_deep(messages):
        raise ConfigError("state: the file is nested too deeply; pass the output of an earlier read.")
    states: SavedStates = {}
    for message in messages:
        states.update(_states_of(message, ours))
    return states


def _messages(text: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        complete_lines = text.rpartition("\n")[0]  # a killed read may have cut the last one
        if not (content := _lines(text) or _lines(complete_lines if '"STATE"' in complete_lines else "")):
            raise ConfigError(f"state: the file is not JSON ({error}); pass the output of an earlier read.") from None
    found = content if isinstance(content, list) else [] if content is None else [content]
    return [one for one in found if not (isinstance(one, dict) and one.get("type") in OTHER_LINES)]


def _lines(text: str) -> list[dict[str, Any]]:
    """The messages in a read's output, or in some lines of it; none if the text is something else."""
    try:
        lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return []
    return lines if all(isinstance(line, dict) for line in lines) else []


def _states_of(message: Any, ours: Collection[str]) -> SavedStates:
    if isinstance(message, dict) and message.get("type") == "STATE":
        message = message.get("state")
    if not isinstance(message, dict):
        raise ConfigError("state: the file must contain a list of state messages, for example [].")
    if "streamDescriptor" in message:
        message = {"stream_descriptor": message["streamDescriptor"], "stream_state": message.get("streamState")}
    if "stream_descriptor" in message:
        return dict([_stream_state(message)])
    kind = message.get("type") or next((key.upper() for key in ("stream", "global") if key in message), "LEGACY")
    if kind == "STREAM":
        return dict([_stream_state(message.get("stream"))])
    if kind == "GLOBAL":
        return _global_states(message.get("global"))
    return _legacy_states(message.get("data", message), ours)


def _global_states(shared: Any) -> SavedStates:
    streams = shared.get("stream_states") if isinstance(shared, dict) else None
    if not isinstance(streams, list):
        raise ConfigError('state: a GLOBAL state must have a list "stream_states".')
    return dict(map(_stream_state, streams))


def _legacy_states(by_name: Any, ours: Collection[str]) -> SavedStates:
    legacy = isinstance(by_name, dict) and all(isinstance(state, dict | None) for state in by_name.values())
    if not legacy or (by_name and by_name.keys().isdisjoint(ours)):
        raise ConfigError(
            "state: the file contains no state of this source; pass the output of an earlier read, or [] for no state."
        )
    return {(name, None): state or {} for name, state in by_name.items()}


def _stream_state(stream: Any) -> tuple[tuple[str, str | None], dict[str, Any]]:
    descriptor = stream.get("stream_descriptor") if isinstance(stream, dict) else None
    if not isinstance(descriptor, dict) or not isinstance(name := descriptor.get("name"), str):
        raise ConfigError('state: the state of a stream must have a "stream_descriptor" with its name.')
    namespace, state = descriptor.get("namespace") or None, stream.get("stream_state")
    if not isinstance(state, dict | None) or not isinstance(namespace, str | None):
        raise ConfigError(f"state: the stream_state of {name} must be an object, and its namespace a string.")
    return (name, namespace), state or {}
