"""metadata.yaml against the schema of Airbyte's registry, as the package airbyte-connector-models has it.

What the schema does not know (that versions, names and files agree) is in unit_tests/test_metadata.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0
from project_copy import project
from pydantic import BaseModel

METADATA = yaml.safe_load((project() / "metadata.yaml").read_text("utf-8"))


def models(value: Any) -> Iterator[BaseModel]:
    """Every model in a value, however deep."""
    if isinstance(value, BaseModel):
        yield value
        value = list(dict(value).values())
    if isinstance(value, list):
        for part in value:
            yield from models(part)


@pytest.fixture(scope="module")
def registered() -> ConnectorMetadataDefinitionV0:
    """The metadata as the registry reads them. strict: no type is turned into another."""
    return ConnectorMetadataDefinitionV0.model_validate_json(json.dumps(METADATA), strict=True)


def test_the_registry_knows_every_key(registered: ConnectorMetadataDefinitionV0) -> None:
    # The schema lets unknown keys pass in a few places, allowedHosts for one; there they would do nothing.
    found = list(models(registered))
    assert len(found) > 10
    assert [model.model_extra for model in found if model.model_extra] == []


def test_a_key_that_is_made_up_is_refused() -> None:
    made_up = {**METADATA, "data": {**METADATA["data"], "sparkles": True}}
    with pytest.raises(ValueError, match="sparkles"):
        ConnectorMetadataDefinitionV0.model_validate_json(json.dumps(made_up), strict=True)


def test_the_suggested_streams_are_discovered(connect: Callable[[str], Any]) -> None:
    (catalog,) = connect("").run("discover", "--config", str(project() / "secrets" / "config.json")).of_type("CATALOG")
    assert set(METADATA["data"]["suggestedStreams"]["streams"]) <= {stream["name"] for stream in catalog["streams"]}
