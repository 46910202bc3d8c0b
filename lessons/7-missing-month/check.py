"""Rows arrive in the order of the slices, although several are read at once and the first response is the slowest.

Nor does the reader wait until a slice has been read: one with more rows than may wait would never end.
"""

import time

CONNECTOR = "ad-campaigns"
LONGEST_WAIT = 2.0  # seconds, for a second request while the first has no response
HEAD_START = 1.0  # seconds, for the other slices
MANY = 15_000  # rows of one report, more than may wait to be taken
OLDEST = "/accounts/north/daily-spend?from="


def spend(api):
    return [path for path in api.calls("daily-spend") if not path.startswith(OLDEST + start(api))]


def start(api):
    return api.data["daily_spend"][0]["date"]


def slow(handler):
    """The response arrives some time after other slices have been requested."""
    end = time.monotonic() + LONGEST_WAIT
    while not spend(handler.api) and time.monotonic() < end:
        time.sleep(0.01)
    handler.api.asked_meanwhile = len(spend(handler.api))
    time.sleep(HEAD_START)
    handler.send(*handler.response())


def read_slowly(connector, api):
    api.fail_next(slow, 1, OLDEST + start(api))
    return connector.read(api, "daily_spend", start_date=start(api))


def reproduce(connector):
    with connector.sandbox() as api:
        read_slowly(connector, api)


def check(connector):
    with connector.sandbox() as api:
        whole = read_slowly(connector, api)
        assert api.asked_meanwhile, (
            "While the API prepares one slow response, the connector requests nothing else. It has to read ahead."
        )
        connector.read_again_after_each_state(api, whole, "daily_spend", start_date=start(api))
        rows = [(row["account_id"], row["date"]) for row in whole.rows("daily_spend")]
        there = sorted((row["account_id"], row["date"]) for row in api.data["daily_spend"])
    assert rows == there, "The rows of daily_spend do not arrive account by account, oldest day first."
    large_report(connector)


def large_report(connector):
    with connector.sandbox() as api:
        click = api.data["clicks"][0]
        api.data["clicks"] = [{**click, "id": f"{click['account_id']}-{number}"} for number in range(MANY)]
        try:
            came = len(connector.read(api, "clicks", start_date=click["date"]).rows("clicks"))
        except AssertionError as error:
            raise AssertionError(f"When a report has {MANY:,} rows: {error}") from None
    assert came == MANY, f"Of a report with {MANY:,} rows, {came:,} arrive."
