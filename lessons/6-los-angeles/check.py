"""The same rows arrive whatever the time zone of the machine, in winter and in summer."""

from itertools import product

CONNECTOR = "river-levels"
START, SUMMER = "2024-03-01", "2024-07-01"
MIDSUMMER = ("2024-06-30T23:30:00Z", "2024-07-01T00:00:00Z")  # when two more readings are made


def reproduce(connector):
    with connector.sandbox() as api:
        for zone in ("Europe/London", "America/Los_Angeles", "Asia/Tokyo"):
            connector.say(f"\nA machine in {zone}:")
            connector.read(api, "readings", zone=zone, start_date=START)


def check(connector):
    with connector.sandbox() as api:
        api.data["readings"] += [{**api.data["readings"][-1], "measured_at": moment} for moment in MIDSUMMER]
        for start, zone in product((START, SUMMER), ("America/Los_Angeles", "Asia/Tokyo", "UTC")):
            expected = [row for row in api.data["readings"] if row["measured_at"] >= start]
            rows = connector.read(api, "readings", zone=zone, start_date=start).rows("readings")
            assert rows == expected, (
                f"On a machine in {zone}, {len(rows)} readings arrive; since {start} (UTC) there are {len(expected)}."
            )
