"""A destination that stops right after any STATE resumes from it, without a loss and without reading all again."""

CONNECTOR = "river-levels"
WITHOUT_LOOKBACK = {"lookback_days": 0}  # which would hide what is lost


def reproduce(connector):
    with connector.sandbox() as api:
        whole = connector.read(api, "readings", **WITHOUT_LOOKBACK)
        connector.say("\nNow the warehouse stops right after the first STATE, and the next sync resumes from it.")
        kept = next(whole.until_each_state())
        rest = connector.read(api, "readings", state=kept, **WITHOUT_LOOKBACK)
    arrived = len(kept.rows("readings")) + len(rest.rows("readings"))
    connector.say(f"The first sync wrote {len(whole.rows('readings'))} readings. The warehouse has {arrived}.")


def check(connector):
    with connector.sandbox() as api:
        whole = connector.read(api, "readings", **WITHOUT_LOOKBACK)
        connector.read_again_after_each_state(api, whole, "readings", **WITHOUT_LOOKBACK)
        again = connector.read(api, "readings", state=whole, **WITHOUT_LOOKBACK).rows("readings")
    states = len(list(whole.until_each_state()))
    assert states > 1, (
        f"{states} STATE is written for {len(whole.rows('readings'))} readings on five pages. "
        "An interrupted long sync must not start from the beginning."
    )
    stations = len({row["station_id"] for row in again})
    assert len(again) == stations, (
        f"After a complete sync, with `lookback_days` 0, the next one reads {len(again)} readings of {stations} "
        "stations again. Only the newest of each is needed."
    )
