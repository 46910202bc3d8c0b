"""The same rows arrive whatever the time zone of the machine."""

CONNECTOR = "river-levels"
START = "2024-03-01"


def reproduce(connector):
    with connector.sandbox() as api:
        for zone in ("Europe/London", "America/Los_Angeles", "Asia/Tokyo"):
            connector.say(f"\nA machine in {zone}:")
            connector.read(api, "readings", zone=zone, start_date=START)


def check(connector):
    with connector.sandbox() as api:
        expected = [row for row in api.data["readings"] if row["measured_at"] >= START]
        for zone in ("America/Los_Angeles", "Asia/Tokyo", "UTC"):
            rows = connector.read(api, "readings", zone=zone, start_date=START).rows("readings")
            assert rows == expected, (
                f"On a machine in {zone}, {len(rows)} readings arrive; since {START} (UTC) there are {len(expected)}."
            )
