"""The key is in no message, not even in an error that quotes the API, and Airbyte knows that it is secret."""

import json

CONNECTOR = "river-levels"
KEY = "k3y-of-ana-7f21"


def showing(run):
    """The start of each message that shows the key."""
    return [text[:200] for text in map(json.dumps, run.messages) if KEY in text]


def reproduce(connector):
    with connector.sandbox(key=KEY) as api:
        connector.read(api, "readings", options=("--debug",), api_key=KEY)


def check(connector):
    with connector.sandbox(key=KEY) as api:
        found = showing(connector.read(api, "readings", options=("--debug",), api_key=KEY))
        assert not found, f"read --debug shows the key: {found[0]} ..."
        api.fail_next(("status", 401, {}, {"error": f"{KEY} is not a key of ours"}))
        found = showing(connector.read(api, "readings", may_fail=True, api_key=KEY))
        assert not found, f"When the API repeats the key in an error, the connector shows it: {found[0]} ..."
    marked = connector.spec()["properties"]["api_key"].get("airbyte_secret")
    assert marked is True, "No message shows the key, but Airbyte's form does: `spec` does not say that it is secret."
