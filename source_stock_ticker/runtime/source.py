"""Defines what a connector supplies besides its streams: a Source. It provides check, discover and read."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import reader
from .errors import ConnectorError
from .process.output import Output
from .protocol import messages
from .protocol.catalog import ConfiguredStream, configured_streams
from .protocol.config import Config, validated
from .protocol.files import read_json, read_text
from .protocol.spec import read_spec, secrets
from .protocol.state import SavedStates, saved_states
from .stream import Stream


class Source:
    """A connector. A subclass defines check and streams; the four commands follow from them.

    `config` is always the user's config, valid against spec.yaml, without blank optional fields.
    """

    _output: Output | None = None  # while a command runs

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Return if a sync with this config would work; otherwise raise the ConnectorError that says what to change.

        Proves the credentials with a request, and answers within a minute.
        """
        raise NotImplementedError

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        """The tables, in the order in which to show them. Makes no requests. Raises ConfigError."""
        raise NotImplementedError

    def hide(self, *secrets: str) -> None:
        """From now on write **** instead of these: tokens that are created at run time."""
        if self._output is not None:
            self._output.hide(secrets)

    def save_config(self, config: Mapping[str, Any]) -> None:
        """Send the platform a new, complete config at once: a refresh token that replaces the one just used.

        Any thread can call it. The caller of the connector must store the config from the CONTROL message on stdout.
        """
        if self._output is not None:
            self._output.write_secret(messages.new_config(config))

    def workers(self, config: Mapping[str, Any]) -> int:
        """How many requests can run at the same time."""
        return 1

    def spec(self, logger: logging.Logger | None = None) -> bytes:
        """The SPEC message: the content of spec.yaml. (`logger` is there because Airbyte's CDK has it.)"""
        return messages.spec(self.specification)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> bytes:
        """The CATALOG message: every stream with its schema."""
        return messages.catalog(stream.catalog_entry() for stream in self.streams(logger, config))

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: Sequence[ConfiguredStream],
        state: SavedStates,
        plan: bool = False,
    ) -> Iterator[bytes]:
        """The messages of a read, in order. Raises IncompleteSync at the end if a stream is incomplete."""
        return reader.read(self.streams(logger, config), catalog, state, self.workers(config), logger, plan)

    def run(
        self, command: str, files: Mapping[str, str | None], logger: logging.Logger, output: Output, plan: bool = False
    ) -> Iterator[bytes]:
        """The messages of check, discover or read; files: the paths from --config, --catalog and --state.

        Raises ConnectorError, IncompleteSync, or what a bug raises.
        """
        self._output = output
        if command == "check":
            try:
                self.check(logger, self._config(files))
                yield messages.connection_status(None)
            except ConnectorError as problem:
                yield messages.connection_status(problem.message)
            return
        config = self._config(files)
        if command == "discover":
            yield self.discover(logger, config)
        else:
            catalog = configured_streams(read_json(str(files["catalog"]), "catalog"))
            if not catalog:
                logger.warning("catalog: it selects no stream, so there is nothing to read.")
            state = {} if files["state"] is None else self._state(files["state"], logger, config, catalog)
            yield from self.read(logger, config, catalog, state, plan)

    def _config(self, files: Mapping[str, str | None]) -> Config:
        """The valid config. From here on none of its secrets can reach stdout."""
        config, schema = read_json(str(files["config"]), "config"), self.specification["connectionSpecification"]
        self.hide(*secrets(config, schema))
        return validated(config, schema)

    def _state(
        self, path: str, logger: logging.Logger, config: Config, catalog: Sequence[ConfiguredStream]
    ) -> SavedStates:
        """What each stream saved."""
        state = saved_states(read_text(path, "state"), {stream.name for stream in self.streams(logger, config)})
        wanted = {(stream.name, stream.namespace) for stream in catalog if stream.incremental}
        if state and wanted and wanted.isdisjoint(state):
            logger.warning(
                "state: it contains none of the catalog's streams (by name and namespace), so each starts from scratch."
            )
        return state

    @property
    def specification(self) -> dict[str, Any]:
        """The content of spec.yaml."""
        return read_spec(type(self).__module__.partition(".")[0])
