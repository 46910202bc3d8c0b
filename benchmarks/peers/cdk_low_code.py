"""Runs a manifest (cdk_low_code.yaml) with airbyte-cdk, like Airbyte's own connector for this API.

python cdk_low_code.py spec | check --config FILE | read --config FILE --catalog FILE

The config's "threads" sets the CDK's concurrency_level; without it the CDK chooses.
"""

import json
import sys
from pathlib import Path

import yaml
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

manifest = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
arguments = AirbyteEntrypoint.parse_args(sys.argv[1:])


def content(name: str) -> object:
    file = getattr(arguments, name, None)
    return json.loads(Path(file).read_text()) if file else None


config = content("config")
if config and "threads" in config:
    manifest["concurrency_level"] = {
        "type": "ConcurrencyLevel",
        "default_concurrency": config["threads"],
        "max_concurrency": config["threads"],
    }
catalog = getattr(arguments, "catalog", None)
source = ConcurrentDeclarativeSource(
    config=config,
    catalog=ConcurrentDeclarativeSource.read_catalog(catalog) if catalog else None,
    state=[],
    source_config=manifest,
)
launch(source, sys.argv[1:])
