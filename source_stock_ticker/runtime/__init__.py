"""The Airbyte protocol for any source: the words that a connector's author needs. (HttpClient and
Answer are in http_client.py: to import requests takes 100 ms, which `spec` is spared.)

It knows nothing of the connector above it. To follow one `read`, open in this order: contract.py
(what a connector supplies), entrypoint.py (the commands), reader.py (the sync).
"""

from .contract import Pace, Page, Row, Source, State, Stream
from .entrypoint import launch
from .errors import ConfigError, ConnectorError, CredentialsError, TransientError, UnexpectedAnswer, start_of

__all__ = [
    "ConfigError",
    "ConnectorError",
    "CredentialsError",
    "Pace",
    "Page",
    "Row",
    "Source",
    "State",
    "Stream",
    "TransientError",
    "UnexpectedAnswer",
    "launch",
    "start_of",
]
