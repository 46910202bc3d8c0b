"""Runs a command, from the command line to the exit code: spec, check, discover or read.

The last TRACE ERROR describes a failure. A signal ends the process elsewhere (signals.py).
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from typing import Any, NoReturn

from .errors import ConfigError, IncompleteSync
from .process.logs import start_logging
from .process.memory import tune_memory
from .process.output import CannotWrite, Output
from .protocol import messages
from .protocol.files import STDIN
from .protocol.spec import read_spec

# Name, what it writes, the files it takes, and an example of its options.
COMMANDS = (
    ("spec", "the options of a config", (), ""),
    ("check", "whether a config works", ("config",), "--config secrets/config.json"),
    ("discover", "the available streams", ("config",), "--config secrets/config.json"),
    (
        "read",
        "the rows of the selected streams",
        ("config", "catalog", "state"),
        "--config secrets/config.json --catalog sample_files/configured_catalog.json",
    ),
)
FILES = {
    "config": "your config: JSON with the options that spec shows; - reads it from stdin",
    "catalog": "which streams to read, and how: a configured catalog, as in sample_files/",
    "state": "where to resume from: the STATE lines (or all output) of an earlier read; default: the start",
}
EXIT_CODES = """exit codes: 0 success (also for a check that reports FAILED), 1 failure, 2 invalid command line,
130 stopped by Ctrl-C, 143 stopped by SIGTERM, 141 stdout was closed"""


def launch(source: str, version: str, argv: Sequence[str] | None = None) -> int:
    """Run the command in argv (default: the command line); messages go to stdout. -> exit code.

    source: the Source class, as "package.module:Class". It is imported only if the command needs it; `spec` does not.
    """
    output = Output()
    try:
        output.signals.listen()
        args = _arguments(version, argv)
        tune_memory()
        # stdout belongs to the protocol, so a stray print goes to stderr instead.
        with redirect_stdout(sys.stderr):
            return _exit_code(source, args, output)
    except CannotWrite as error:
        if error.exit_code == 1:
            sys.stderr.write(f"{error}\n")
        return error.exit_code


def _exit_code(source: str, args: argparse.Namespace, output: Output) -> int:
    try:
        for message in _messages(source, args, output):
            output.write(message)
        return 0
    except IncompleteSync:
        return 1
    except ModuleNotFoundError as missing:
        text = f"{missing.name} is not installed for this Python: activate the environment, or install it with pip."
        output.write(messages.error(ConfigError(text, repr(missing))))
        return 1
    except Exception as error:
        output.write(messages.error(error))
        return 1
    finally:
        output.flush()


def _messages(source: str, args: argparse.Namespace, output: Output) -> Iterator[bytes]:
    """The messages of the command. Raises ConnectorError, IncompleteSync, or what a bug raises."""
    module, _, name = source.partition(":")
    if args.command == "spec":
        yield messages.spec(read_spec(module.partition(".")[0]))
        return
    logger = start_logging(output, args.debug)
    connector = getattr(importlib.import_module(module), name)()
    yield from connector.run(args.command, vars(args), logger, output, plan=getattr(args, "plan", False))


def _arguments(version: str, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser("An Airbyte source. It writes Airbyte messages to stdout, one JSON object per line.")
    examples = [f"{parser.typed} {command} {example}".strip() for command, _, _, example in COMMANDS]
    parser.say_examples(examples)
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for (name, purpose, files, _), example in zip(COMMANDS, examples, strict=True):
        command = commands.add_parser(name, help=purpose, description=f"Shows {purpose}.")
        command.say_examples([example])
        for file in files:
            command.add_argument(f"--{file}", required=file != "state", metavar="FILE", help=FILES[file])
        if name == "read":
            command.add_argument("--plan", action="store_true", help="read no rows; report what a read would cost")
        command.add_argument("--debug", action="store_true", help="log debug messages too, such as every request")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        (commands.choices.get(args.command) or parser).error(f"there is no option {unknown[0]}")
    if args.command is None:
        parser.error("no command given; choose spec, check, discover or read")
    if sum(vars(args).get(file) in STDIN for file in FILES) > 1:
        commands.choices["read"].error("only one file can be stdin")
    return args


class _Parser(argparse.ArgumentParser):
    """A parser whose errors end with an example to paste."""

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    @property
    def typed(self) -> str:
        """How to start the program: python main.py, or the name of the installed command."""
        return f"python {self.prog}" if self.prog.partition(" ")[0].endswith(".py") else self.prog

    def say_examples(self, examples: list[str]) -> None:
        title = "examples" if len(examples) > 1 else "example"
        self.epilog = "\n  ".join([f"{title}:", *examples]) + f"\n\n{EXIT_CODES}"
        self.example = examples[0]

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}.\nFor example: {self.example}\nMore: {self.typed} --help\n")
