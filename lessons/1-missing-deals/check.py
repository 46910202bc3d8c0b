"""A list arrives in full, however many rows the API puts on a page, in as few requests as that allows."""

import math

CONNECTOR = "ad-campaigns"


def reproduce(connector):
    with connector.sandbox() as api:
        connector.read(api, "deals")
        connector.say(f"The API has {len(api.data['deals'])} deals.")


def check(connector):
    for size in (2, 1, 100):
        with connector.sandbox(page_size=size) as api:
            rows = connector.read(api, "deals").rows("deals")
            there = [deal["id"] for deal in api.data["deals"]]
        came = [row["id"] for row in rows]
        assert came == there, f"With pages of {size} the API has the deals {there}. These arrive: {came}."
        needed = math.ceil(len(there) / size)  # or one more, which finds no more deals
        asked = len(api.calls("/deals"))
        assert asked <= needed + 1, f"With pages of {size}, {len(there)} deals need {needed} requests, not {asked}."
