"""A row from the future is written, and does not hide the rows after the sync."""

import time
from datetime import datetime, timedelta, timezone

CONNECTOR = "river-levels"
STATION = {"id": "elm-bridge", "name": "Elm Bridge"}
CONFIG = {"lookback_days": 0}


def reading(moment):
    measured_at = moment if isinstance(moment, str) else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"station_id": STATION["id"], "measured_at": measured_at, "level_cm": 150.0}


FUTURE = reading("2099-01-01T00:00:00Z")


def two_syncs(connector):
    """The rows of a sync with a row from the future, those of the next sync after a new reading, and that reading."""
    earlier = reading(datetime.now(timezone.utc) - timedelta(hours=3))
    with connector.sandbox(data={"stations": [STATION], "readings": [earlier, FUTURE]}) as api:
        first = connector.read(api, "readings", **CONFIG)
        new = reading(datetime.now(timezone.utc))
        api.data["readings"].append(new)
        time.sleep(1.1)  # the cursor has whole seconds
        connector.say(f"\nElm Bridge measures again, at {new['measured_at']}. Then the next sync runs.")
        return first.rows("readings"), connector.read(api, "readings", state=first, **CONFIG).rows("readings"), new


def reproduce(connector):
    two_syncs(connector)


def check(connector):
    first, second, new = two_syncs(connector)
    assert FUTURE in first, "The reading dated 2099 does not arrive. It is a row like any other."
    assert new in second, "Once there is a row dated 2099, the next sync misses readings made right after this one."
