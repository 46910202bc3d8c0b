"""Reads and writes Airbyte's lines and files: messages out; spec, config, catalog and state in."""
