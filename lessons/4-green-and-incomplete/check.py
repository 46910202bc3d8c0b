"""A refused station makes the sync fail, with the reason; later it is read."""

import math

CONNECTOR = "river-levels"
FORBIDDEN = ("status", 403, {}, {"error": "your plan does not include Mill Weir"})
PATH = "/stations/mill-weir/readings"


def reproduce(connector):
    with connector.sandbox() as api:
        api.fail_next(FORBIDDEN, math.inf, PATH)
        connector.read(api, "readings", may_fail=True)


def check(connector):
    with connector.sandbox() as api:
        api.fail_next(FORBIDDEN, math.inf, PATH)
        first = connector.read(api, "readings", may_fail=True)
        assert first.exit_code == 1, (
            f"The API refuses Mill Weir (HTTP 403), and the sync ends with exit code {first.exit_code}, as if all had "
            "been read."
        )
        said = first.error.lower()
        assert "403" in said, f"The sync fails, but its error does not say why (HTTP 403): {first.error}"
        assert "weir" in said, f"The sync fails, but its error does not say what is missing (Mill Weir): {first.error}"
        api.heal()
        second = connector.read(api, "readings", state=first)
        there = [row for row in api.data["readings"] if row["station_id"] == "mill-weir"]
    lost = [row for row in there if row not in first.rows("readings") + second.rows("readings")]
    assert not lost, f"When the API serves Mill Weir again, {len(lost)} of its {len(there)} readings never arrive."
