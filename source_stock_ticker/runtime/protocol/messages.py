"""Makes every message of the Airbyte protocol, each as the JSON line that goes to stdout.

A message has one form here: bytes, one line or more, each ending in a newline, ready to write. All
functions are pure but for the clock. (Shapes: Airbyte protocol, airbyte_protocol.yaml.)
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RECORD_START = b'{"type":"RECORD"'


def _line(message: Mapping[str, Any]) -> bytes:
    # ASCII only, so that the line is right in any locale; NaN is not JSON, so it is a bug here.
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _descriptor(stream: str, namespace: str | None) -> dict[str, str]:
    return {"name": stream} if namespace is None else {"name": stream, "namespace": namespace}


def _trace(kind: str, payload: Mapping[str, Any]) -> bytes:
    return _line({"type": "TRACE", "trace": {"type": kind, "emitted_at": time.time() * 1000, **payload}})


def spec(specification: Mapping[str, Any]) -> bytes:
    """SPEC: `specification` is the content of spec.yaml."""
    return _line({"type": "SPEC", "spec": specification})


def connection_status(problem: str | None) -> bytes:
    """CONNECTION_STATUS: SUCCEEDED if `problem` is None, else FAILED with that sentence."""
    if problem is None:
        return _line({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}})
    return _line({"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": problem}})


def catalog(streams: Iterable[Mapping[str, Any]]) -> bytes:
    """CATALOG of streams, each described as the protocol's AirbyteStream."""
    return _line({"type": "CATALOG", "catalog": {"streams": list(streams)}})


def log(level: str, text: str, stack_trace: str | None = None) -> bytes:
    """LOG at a level of the protocol: FATAL, ERROR, WARN, INFO, DEBUG or TRACE."""
    body = {"level": level, "message": text}
    return _line({"type": "LOG", "log": body if stack_trace is None else {**body, "stack_trace": stack_trace}})


def records(stream: str, rows: Sequence[Mapping[str, Any]], namespace: str | None = None) -> bytes:
    """RECORD lines for `rows`, all stamped with the time of this call; b"" if there are none.

    Raises TypeError for a value that JSON cannot hold.
    """
    if not rows:
        return b""
    import orjson  # 20 ms to import: `spec` and `discover` do without

    head = RECORD_START + b',"record":{"stream":' + orjson.dumps(stream)
    if namespace is not None:
        head += b',"namespace":' + orjson.dumps(namespace)
    head += b',"data":'
    tail = b',"emitted_at":%d}}\n' % (time.time() * 1000)
    # One call for all rows, cut where one ends and the next begins, takes 0.6 us a record. A call for each row takes
    # 0.4 or 2.5, as the memory happens to lie.
    data = orjson.dumps(rows)
    first_names = set(map(next, map(iter, rows)))
    between = b"},{" + orjson.dumps(next(iter(rows[0]), "")) + b":"
    # Texts and rows inside a row can hold it too. As every row begins with it, there are then more parts than rows.
    parts = data.split(between)
    if not all(rows) or len(first_names) != 1 or len(parts) != len(rows):
        return head + (tail + head).join(map(orjson.dumps, rows)) + tail
    del data  # three copies of a page need not be in memory at once
    parts[0] = head + parts[0][1:]  # without the brackets
    parts[-1] = parts[-1][:-1] + tail
    return (b"}" + tail + head + between[2:]).join(parts)


def state(stream: str, stream_state: Mapping[str, Any], record_count: int, namespace: str | None = None) -> bytes:
    """STATE of one stream. record_count: its records since its previous STATE; the platform counts along."""
    body = {
        "type": "STREAM",
        "stream": {"stream_descriptor": _descriptor(stream, namespace), "stream_state": stream_state},
        "sourceStats": {"recordCount": float(record_count)},
    }
    return _line({"type": "STATE", "state": body})


def stream_status(stream: str, status: str, namespace: str | None = None, quota_reset: float | None = None) -> bytes:
    """TRACE STREAM_STATUS: STARTED, RUNNING, COMPLETE or INCOMPLETE.

    quota_reset (seconds since 1970) says that the stream waits until then for the API's rate limit.
    """
    body: dict[str, Any] = {"stream_descriptor": _descriptor(stream, namespace), "status": status}
    if quota_reset is not None:
        body["reasons"] = [{"type": "RATE_LIMITED", "rate_limited": {"quota_reset": int(quota_reset * 1000)}}]
    return _trace("STREAM_STATUS", {"stream_status": body})


def error(
    text: str,
    failure_type: str,
    detail: str = "",
    stack_trace: str = "",
    stream: str | None = None,
    namespace: str | None = None,
) -> bytes:
    """TRACE ERROR: `text` for the user; `detail` and `stack_trace` for developers."""
    body: dict[str, Any] = {"message": text, "failure_type": failure_type}
    if detail:
        body["internal_message"] = detail
    if stack_trace:
        body["stack_trace"] = stack_trace
    if stream is not None:
        body["stream_descriptor"] = _descriptor(stream, namespace)
    return _trace("ERROR", {"error": body})
