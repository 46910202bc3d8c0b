"""Tests the connector as a whole: what check answers, and what discover shows."""

import logging

import pytest

from source_river_levels import SourceRiverLevels
from source_river_levels.runtime.errors import CredentialsError, TransientError, UnexpectedResponse

LOGGER = logging.getLogger("unit_tests")
CONFIG = {"api_key": "my-key", "start_date": "2024-03-01"}


def test_a_check_proves_the_key_by_one_request(server):
    server.get("https://api.river-levels.example/stations", json={"stations": []})
    SourceRiverLevels().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("response", "error"), [({"status": 401}, CredentialsError), ({"body": "Welcome!"}, UnexpectedResponse)]
)
def test_a_check_refuses_what_a_read_would(response, error, server):
    server.get("https://api.river-levels.example/stations", **response)
    with pytest.raises(error):
        SourceRiverLevels().check(LOGGER, CONFIG)


def test_a_check_answers_at_once_while_the_api_is_out_of_order(server):
    server.get("https://api.river-levels.example/stations", status=503)
    with pytest.raises(TransientError):
        SourceRiverLevels().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


def test_several_requests_can_run_at_once():
    assert SourceRiverLevels().workers(CONFIG) > 1
