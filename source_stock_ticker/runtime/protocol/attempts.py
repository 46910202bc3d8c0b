"""Tells another attempt of the same full refresh from the next full refresh.

Theory of operation. When a full refresh fails, the platform starts it once more and passes the last STATE of the
attempt before. What that attempt wrote is still in the destination, so it must not come again. But some platforms also
pass the last STATE of one job to the next job, which must read everything. So each STATE of a full refresh carries a
mark, which names the job:

    {.., "full_refresh": {"sync_id": 9, "done": false}}

sync_id is the configured catalog's, the same in all attempts of a job. Older platforms and a shell give none: null. A
stream may have no field of that name in its own state.

    the saved state's mark               what the full refresh does
    none, or another sync_id             begins from the start
    this sync_id, not done               goes on: it reads what is not yet written
    this sync_id, done                   has nothing left to read; if both are null, it begins from the start
"""

from typing import Any

State = dict[str, Any]
MARK = "full_refresh"


def marked(state: State, sync_id: int | None, done: bool) -> State:
    """The state as a full refresh writes it. done: all has been written."""
    return {**state, MARK: {"sync_id": sync_id, "done": done}}


def unmarked(saved: State) -> State:
    """A saved state as the stream wrote it, whichever sync mode it is from."""
    return {field: value for field, value in saved.items() if field != MARK}


def saved_attempt(saved: State, sync_id: int | None) -> tuple[State, bool]:
    """Where a full refresh goes on ({} = from the start), and whether an earlier attempt has written everything."""
    mark = saved.get(MARK)
    done = mark.get("done") if isinstance(mark, dict) and mark.get("sync_id", 0) == sync_id else None
    if not isinstance(done, bool):
        return {}, False
    return ({}, False) if done and sync_id is None else (unmarked(saved), done)
