"""Distinguishes another attempt of the same full refresh from the next full refresh.

Theory of operation. When a full refresh fails, the platform starts it again and passes the last STATE of the previous
attempt. The rows of that attempt are still in the destination, so complete slices must not be sent again. But some
platforms also pass the last STATE of one job to the next job, which must read everything. So each STATE of a full
refresh carries a mark that names the job:

    {.., "full_refresh": {"sync_id": 9, "done": false}}

sync_id comes from the configured catalog and is the same in all attempts of a job. Older platforms and manual runs
give none: null. A stream must not use a field of this name in its own state.

    the saved state's mark               what the full refresh does
    none, or another sync_id             starts from the beginning
    this sync_id, not done               resumes: it reads what is not yet written
    this sync_id, done                   has nothing left to read; if both are null, it starts from the beginning
"""

from typing import Any

State = dict[str, Any]
MARK = "full_refresh"


def marked(state: State, sync_id: int | None, done: bool) -> State:
    """The state as a full refresh writes it. done: everything has been written."""
    return {**state, MARK: {"sync_id": sync_id, "done": done}}


def unmarked(saved: State) -> State:
    """A saved state as the stream wrote it, in either sync mode."""
    return {field: value for field, value in saved.items() if field != MARK}


def saved_attempt(saved: State, sync_id: int | None) -> tuple[State, bool]:
    """Where a full refresh resumes ({} = from the start), and whether an earlier attempt has written everything."""
    match saved.get(MARK):
        case {"sync_id": saved_id, "done": bool(done)} if saved_id == sync_id and not (done and sync_id is None):
            return unmarked(saved), done
    return {}, False
