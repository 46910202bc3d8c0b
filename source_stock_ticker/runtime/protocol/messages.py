"""Makes the messages of the Airbyte protocol, each as a JSON line for stdout.

A message is always bytes, ready to write, ending in a newline. All functions are pure except for the
clock. RECORDs, which come by the thousand, are made in records.py. (Shapes: airbyte_protocol.yaml.)
"""

import json
import time
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ConnectorError

RECORD_START = b'{"type":"RECORD"'  # every RECORD line starts with it, and no other message does
FLUSH = b""  # no message: flush the buffer, because the next message will take a while
BUG = "The connector has a bug; please report it with the log."
OUT_OF_MEMORY = "The connector ran out of memory; give it more, or let it use fewer workers."


def _line(message: Mapping[str, Any]) -> bytes:
    # ASCII only, so the line is right in any locale; NaN is not JSON, so it would be a bug.
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _descriptor(stream: str, namespace: str | None) -> dict[str, str]:
    return {"name": stream} if namespace is None else {"name": stream, "namespace": namespace}


def _trace(kind: str, payload: Mapping[str, Any]) -> bytes:
    return _line({"type": "TRACE", "trace": {"type": kind, "emitted_at": time.time() * 1000, **payload}})


def spec(specification: Mapping[str, Any]) -> bytes:
    """SPEC: `specification` is the content of spec.yaml."""
    return _line({"type": "SPEC", "spec": specification})


def connection_status(problem: str | None) -> bytes:
    """CONNECTION_STATUS: SUCCEEDED if `problem` is None, otherwise FAILED with that sentence."""
    status = {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": problem}
    return _line({"type": "CONNECTION_STATUS", "connectionStatus": status})


def catalog(streams: Iterable[Mapping[str, Any]]) -> bytes:
    """CATALOG of streams, each as the protocol's AirbyteStream."""
    return _line({"type": "CATALOG", "catalog": {"streams": list(streams)}})


def log(level: str, text: str, stack_trace: str | None = None) -> bytes:
    """LOG at a level of the protocol: FATAL, ERROR, WARN, INFO, DEBUG or TRACE."""
    body = {"level": level, "message": text}
    return _line({"type": "LOG", "log": body if stack_trace is None else {**body, "stack_trace": stack_trace}})


def state(stream: str, stream_state: Mapping[str, Any], record_count: int, namespace: str | None = None) -> bytes:
    """STATE of one stream. record_count: its records since its previous STATE; the platform compares the number."""
    body = {
        "type": "STREAM",
        "stream": {"stream_descriptor": _descriptor(stream, namespace), "stream_state": stream_state},
        "sourceStats": {"recordCount": float(record_count)},
    }
    return _line({"type": "STATE", "state": body})


def new_config(config: Mapping[str, Any]) -> bytes:
    """CONTROL: the connection's new config. It contains secrets."""
    body = {"type": "CONNECTOR_CONFIG", "emitted_at": time.time() * 1000, "connectorConfig": {"config": config}}
    return _line({"type": "CONTROL", "control": body})


def stream_status(stream: str, status: str, namespace: str | None = None, quota_reset: float | None = None) -> bytes:
    """TRACE STREAM_STATUS: STARTED, RUNNING, COMPLETE or INCOMPLETE.

    quota_reset (seconds since 1970): the stream waits until then for the API's rate limit.
    """
    body: dict[str, Any] = {"stream_descriptor": _descriptor(stream, namespace), "status": status}
    if quota_reset is not None:
        body["reasons"] = [{"type": "RATE_LIMITED", "rate_limited": {"quota_reset": int(quota_reset * 1000)}}]
    return _trace("STREAM_STATUS", {"stream_status": body})


def estimate(stream: str, rows: int, namespace: str | None = None) -> bytes:
    """TRACE ESTIMATE: the approximate total of the stream's RECORDs."""
    return _trace("ESTIMATE", {"estimate": {**_descriptor(stream, namespace), "type": "STREAM", "row_estimate": rows}})


def error(error: Exception, stream: str | None = None, namespace: str | None = None) -> bytes:
    """TRACE ERROR for any exception; any but a ConnectorError is a bug, whose stack trace only developers see."""
    if isinstance(error, ConnectorError):
        body: dict[str, Any] = {"message": error.message, "failure_type": error.failure_type}
        if error.detail:
            body["internal_message"] = error.detail
    else:
        stack = "".join(traceback.format_exception(error))
        text = OUT_OF_MEMORY if isinstance(error, MemoryError) else BUG
        body = {"message": text, "failure_type": "system_error", "internal_message": repr(error), "stack_trace": stack}
    if stream is not None:
        body["stream_descriptor"] = _descriptor(stream, namespace)
    return _trace("ERROR", {"error": body})
