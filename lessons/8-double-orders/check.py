"""A report whose response is lost is ordered once; a search and each GET are retried."""

CONNECTOR = "ad-campaigns"
ORDER = "/accounts/north/reports"
RETRIED = (
    ("a search", "/contacts/search", "contacts"),
    ("a GET", "/deals", "deals"),
    ("a GET for a report", "/reports/r", "clicks"),
)


def lost(handler):
    """The API carries out the request, but its response never arrives."""
    handler.response()
    handler.close_connection = True


def start(api):
    return api.data["clicks"][-60]["date"]  # 30 days of each account: one window


def reproduce(connector):
    with connector.sandbox() as api:
        api.fail_next(lost, 1, ORDER)
        connector.read(api, "clicks", may_fail=True, start_date=start(api))


def check(connector):
    with connector.sandbox() as api:
        api.fail_next(lost, 1, ORDER)
        first = connector.read(api, "clicks", may_fail=True, start_date=start(api))
        orders = len(api.calls(ORDER))
        assert orders == 1, f"The response to an order is lost, and the connector orders {orders} times."
        second = connector.read(api, "clicks", state=first, start_date=start(api))
        there = [row["id"] for row in api.data["clicks"] if row["date"] >= start(api)]
        came = {row["id"] for row in first.rows("clicks") + second.rows("clicks")}
        assert came >= set(there), f"The sync after a lost order reads {len(came)} of {len(there)} clicks."
        for what, path, stream in RETRIED:
            api.fail_next(lost, 1, path)
            error = connector.read(api, stream, may_fail=True, start_date=start(api)).error
            assert not error, f"The response to {what} is lost, and the connector does not retry: {error}"
