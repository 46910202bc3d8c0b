"""From the command line to the exit code: spec, check, discover or read.

Exit codes: 0 done (a check that answers FAILED too) · 1 failed, as the last TRACE ERROR says ·
2 the command line is wrong · 141 nobody reads stdout any more · SIGTERM and Ctrl-C end the process as
signals do: a shell, docker and Airbyte see 143 and 130
"""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING

from . import messages
from .errors import ConnectorError, IncompleteSync
from .mask import Mask
from .output import CannotWrite, Output, Stopped, end_by

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from .config import Config
    from .contract import Source


def launch(source: Source, version: str, argv: Sequence[str] | None = None) -> int:
    """Run the command that argv (default: the process's own) names; messages go to stdout. -> exit code."""
    args = _arguments(version, argv)
    output = Output()
    output.stop_on_signals()
    try:
        # stdout belongs to the protocol: what somebody prints by mistake shows on stderr instead.
        with redirect_stdout(sys.stderr):
            exit_code = _exit_code(source, args, output)
            output.leave_signals_alone()  # or one that comes now would end in a traceback
            return exit_code
    except Stopped as stopped:
        with suppress(CannotWrite):
            output.write(messages.log("WARN", f"Stopped by {stopped}; a read goes on where its last STATE says."))
        end_by(stopped.signum)
        return stopped.exit_code
    except CannotWrite as error:
        if error.exit_code == 1:
            sys.stderr.write(f"{error}\n")
        return error.exit_code


def _exit_code(source: Source, args: argparse.Namespace, output: Output) -> int:
    try:
        for message in _run(source, args, output):
            output.write(message)
        return 0
    except IncompleteSync:
        return 1
    except ModuleNotFoundError as missing:
        text = f"{missing.name} is not installed for this Python: activate the environment, or pip install it."
        output.write(messages.error(text, "config_error", repr(missing)))
        return 1
    except Exception as error:
        from .reader import error_message

        output.write(error_message(error))
        return 1
    finally:
        output.flush()


def _arguments(version: str, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An Airbyte source: writes Airbyte messages to stdout.")
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="spec | check | discover | read")
    for name, purpose, files in (
        ("spec", "what can be configured", ()),
        ("check", "whether a config works", ("config",)),
        ("discover", "which streams there are", ("config",)),
        ("read", "the rows of the configured streams", ("config", "catalog", "state")),
    ):
        command = commands.add_parser(name, help=purpose, description=f"Writes {purpose}.")
        for file in files:
            command.add_argument(f"--{file}", required=file != "state", metavar="FILE")
        command.add_argument("--debug", action="store_true", help="log more")
    return parser.parse_args(argv)


def _run(source: Source, args: argparse.Namespace, output: Output) -> Iterator[bytes]:
    """The messages of the command. Raises ConnectorError, IncompleteSync, or whatever a bug raises."""
    if args.command == "spec":
        yield source.spec()  # no logger: logging takes 10 ms to import, a fifth of the whole
        return
    from .logs import start_logging

    logger = start_logging(output, args.debug)
    if args.command == "check":
        try:
            source.check(logger, _config(source, args, output, logger))
            yield messages.connection_status(None)
        except ConnectorError as problem:
            yield messages.connection_status(problem.message)
    elif args.command == "discover":
        yield source.discover(logger, _config(source, args, output, logger))
    else:
        from .catalog import configured_streams
        from .config import read_json, read_text
        from .state import saved_states

        config = _config(source, args, output, logger)
        catalog = configured_streams(read_json(args.catalog, "catalog"))
        state = saved_states(read_text(args.state, "state")) if args.state else {}
        yield from source.read(logger, config, catalog, state)


def _config(source: Source, args: argparse.Namespace, output: Output, logger: logging.Logger) -> Config:
    """The valid config. From here on no secret of it can be written."""
    from .config import misspelt, read_json, read_spec, secrets, validated

    config = read_json(args.config, "config")
    schema = read_spec(source.spec_file)["connectionSpecification"]
    output.mask = Mask(secrets(config, schema))
    for unknown, meant in misspelt(config, schema):
        logger.warning("config: there is no option %s; %s is meant? It is left out.", unknown, meant)
    return validated(config, schema)
