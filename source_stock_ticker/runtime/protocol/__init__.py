"""What Airbyte's lines and files look like: messages out; spec, config, catalog and state in."""
