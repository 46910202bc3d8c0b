"""A row from the future is written, and hides no row of the next sync, which does not read everything again."""

import time
from datetime import datetime, timedelta, timezone

CONNECTOR = "river-levels"
STATION = {"id": "elm-bridge", "name": "Elm Bridge"}
CONFIG = {"lookback_days": 0}


def reading(moment):
    measured_at = moment if isinstance(moment, str) else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"station_id": STATION["id"], "measured_at": measured_at, "level_cm": 150.0}


FUTURE = reading("2099-01-01T00:00:00Z")
OLD, EARLIER = (reading(datetime.now(timezone.utc) - timedelta(hours=hours)) for hours in (6, 3))


def two_syncs(connector):
    """The rows of a sync with a row from the future, those of the next, and a reading made during the first."""
    made = []

    def measured_meanwhile(handler):
        response = handler.response()
        made.append(reading(datetime.now(timezone.utc)))
        api.data["readings"].append(made[0])
        time.sleep(1.1)  # the cursor has whole seconds
        handler.send(*response)

    data = {"stations": [STATION], "readings": [OLD, EARLIER, FUTURE]}
    with connector.sandbox(data=data, page_size=10) as api:
        api.fail_next(measured_meanwhile, 1, "/readings")
        first = connector.read(api, "readings", **CONFIG)
        connector.say(f"\nMeanwhile Elm Bridge measured again, at {made[0]['measured_at']}. Now the next sync runs.")
        second = connector.read(api, "readings", state=first, **CONFIG)
    return first.rows("readings"), second.rows("readings"), made[0]


def reproduce(connector):
    two_syncs(connector)


def check(connector):
    first, second, new = two_syncs(connector)
    assert FUTURE in first, "The reading dated 2099 does not arrive. It is a row like any other."
    assert new in second, "Once there is a row dated 2099, the next sync misses a reading made during this one."
    assert OLD not in second, "Once there is a row dated 2099, the next sync reads old readings again."
