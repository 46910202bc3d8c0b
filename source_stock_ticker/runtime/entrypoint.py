"""From the command line to the exit code: spec, check, discover or read.

Exit codes: 0 done (a check that answers FAILED too) · 1 failed, as the last TRACE ERROR says ·
2 the command line is wrong · 141 nobody reads stdout any more · SIGTERM and Ctrl-C end the process as
signals do: a shell, docker and Airbyte see 143 and 130
"""

from __future__ import annotations

import argparse
import gc
import sys
from contextlib import redirect_stdout, suppress
from functools import partial
from typing import TYPE_CHECKING

from . import messages
from .errors import ConnectorError, IncompleteSync
from .mask import Mask
from .output import CannotWrite, Output, Stopped, end_by

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

    from .config import Config
    from .contract import Source

# Name, what it writes, the files that it takes, and how one types them.
COMMANDS = (
    ("spec", "what can be configured", (), ""),
    ("check", "whether a config works", ("config",), "--config secrets/config.json"),
    ("discover", "which streams there are", ("config",), "--config secrets/config.json"),
    (
        "read",
        "the rows of the configured streams",
        ("config", "catalog", "state"),
        "--config secrets/config.json --catalog sample_files/configured_catalog.json",
    ),
)
FILES = {
    "config": "your config: JSON, its fields are those that spec shows",
    "catalog": "which streams to read, and how: a configured catalog, as in sample_files/",
    "state": "where to go on: STATE lines of an earlier read (or all its output); without it, from the start",
}
# With a width of its own argparse need not ask for the terminal's, for which it imports 3 ms of modules.
_HELP = partial(argparse.RawDescriptionHelpFormatter, width=110)
# Between two looks for cycles, in which neither rows nor modules are: a look at every 700 took 8 % of a long read.
NEW_OBJECTS = 100_000
EXIT_CODES = """exit codes: 0 done (a check that answers FAILED too), 1 failed, 2 the command line is wrong,
130 stopped by Ctrl-C, 143 by SIGTERM, 141 nobody read on"""


def launch(source: Source, version: str, argv: Sequence[str] | None = None) -> int:
    """Run the command that argv (default: the process's own) names; messages go to stdout. -> exit code."""
    gc.set_threshold(NEW_OBJECTS)
    output = Output()
    try:
        output.stop_on_signals()
        args = _arguments(version, argv)
        # stdout belongs to the protocol: what somebody prints by mistake shows on stderr instead.
        with redirect_stdout(sys.stderr):
            exit_code = _exit_code(source, args, output)
            output.leave_signals_alone()  # or one that comes now would end in a traceback
            return exit_code
    except Stopped as stopped:
        from .progress import tell

        text = f"Stopped by {stopped}; a read goes on from its last STATE, if it has written one."
        with suppress(CannotWrite):
            output.write_last(messages.log("WARN", text))
        tell(text)
        end_by(stopped.signum)
        return stopped.exit_code
    except CannotWrite as error:
        if error.exit_code == 1:
            sys.stderr.write(f"{error}\n")
        return error.exit_code
    finally:
        gc.freeze()  # or Python ends by a look for cycles in all that was imported: 25 ms of a check's 155


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
    parser = _Parser(
        description="An Airbyte source. It writes Airbyte messages to stdout, one JSON object a line.",
        formatter_class=_HELP,
    )
    examples = [f"{parser.typed} {command} {example}".strip() for command, _, _, example in COMMANDS]
    parser.epilog = "\n  ".join(["examples:", *examples]) + f"\n\n{EXIT_CODES}"
    parser.example = examples[0]
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for (name, purpose, files, _), example in zip(COMMANDS, examples, strict=True):
        command = commands.add_parser(
            name,
            help=purpose,
            description=f"Writes {purpose}.",
            epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
            formatter_class=_HELP,
        )
        command.example = example
        for file in files:
            command.add_argument(f"--{file}", required=file != "state", metavar="FILE", help=FILES[file])
        command.add_argument("--debug", action="store_true", help="log more: every request, and what the source adds")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        asked = parser if args.command is None else commands.choices[args.command]
        asked.error(f"there is no option {unknown[0]}")
    if args.command is None:
        parser.error("which command? Choose spec, check, discover or read")
    return args


class _Parser(argparse.ArgumentParser):
    """Ends what it complains of with an example that can be pasted."""

    example = ""

    @property
    def typed(self) -> str:
        """How the program is started: python main.py, or the name of the installed command."""
        return f"python {self.prog}" if self.prog.partition(" ")[0].endswith(".py") else self.prog

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}.\nFor example: {self.example}\nMore: {self.typed} --help\n")


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
        state = saved_states(read_text(args.state, "state")) if args.state is not None else {}
        yield from source.read(logger, config, catalog, state)


def _config(source: Source, args: argparse.Namespace, output: Output, logger: logging.Logger) -> Config:
    """The valid config. From here on no secret of it can be written."""
    from .config import misspelt, read_json, read_spec, secrets, validated

    config = read_json(args.config, "config")
    schema = read_spec(source.spec_file)["connectionSpecification"]
    output.mask = Mask(secrets(config, schema))
    for unknown, meant in misspelt(config, schema):
        logger.warning("config: there is no option %s; did you mean %s? It is ignored.", unknown, meant)
    return validated(config, schema)
