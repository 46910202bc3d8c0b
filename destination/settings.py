"""Reads the command line, and the config, which it can change: options that are set, and one part of a list.

    --set NAME=VALUE    an option, instead of the config's
    --part NAME=2/3     the second of three parts of the list NAME, for several syncs at once, on one machine or many

An item's part is CRC-32(item) % 3 + 1. It depends only on the item, not on its position: when items come and go, the
others stay in the part that has their rows and their state. Each part has its own database, named after it, such as
secrets/config.2-of-3.duckdb. A different number of parts means different databases, each read from the start.

The parts use one key, so they share its requests_per_minute. Every part would read the streams that do not depend on
the list. The catalog does not say which these are, so --once names them, and only part 1 reads them. A stream that is
not named there costs a few more requests, but loses nothing.

(Not for a config whose token is replaced on use: the first part would invalidate the others' token.)
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

Json = dict[str, Any]
Arguments = argparse.Namespace

RATE = "requests_per_minute"  # 0 means no limit


def read_config(file: Path) -> Json:
    """Exits with a sentence if there is none."""
    try:
        return {**json.loads(file.read_text("utf-8-sig"))}
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"CONFIG: {file} is not a file with a JSON object ({reason(error)}).")


def reason(error: Exception) -> str:
    """Why a file cannot be read, without the rest of what Python says."""
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)


def write_config(file: Path, config: Json) -> None:
    """Save the config: at any moment, either the old file or the new one exists, with the same permissions."""
    new = file.with_name(file.name + ".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    shutil.copymode(file if file.exists() else new, new)
    new.replace(file)


def chosen(settings: list[str], options: Json) -> Json:
    """NAME=VALUE, with the type from the spec. The connector decides whether the value is valid."""
    if odd := [setting for setting in settings if setting.find("=") < 1]:
        sys.exit(f"SET: {odd[0]} is not NAME=VALUE (without spaces).")
    pairs = [setting.partition("=") for setting in settings]
    if unknown := [name for name, _, _ in pairs if name not in options]:
        sys.exit(f"SET: there is no option {', '.join(unknown)}; choose from these: {', '.join(options)}.")
    return {name: typed(name, value, options[name]) for name, _, value in pairs}


def typed(name: str, value: str, schema: Json) -> Any:
    """The value; @FILE means the content of a file. A list has commas between its items, or one item per line."""
    if value.startswith("@"):
        found = parsed(content(name, Path(value[1:])), schema)
        if found in ([], ""):  # for many options, an empty list means everything
            sys.exit(f"{name}: {value[1:]} is empty.")
        return found
    return parsed(value, schema)


def content(name: str, file: Path) -> str:
    """What is in the file of an option. Exits with a sentence if it cannot be read."""
    try:
        return file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{name}: {file} is not readable as UTF-8 text ({reason(error)}).")


def parsed(value: str, schema: Json) -> Any:
    if "array" in schema["type"]:
        return [parsed(item.strip(), schema["items"]) for item in value.replace("\n", ",").split(",") if item.strip()]
    try:
        return value if "string" in schema["type"] else json.loads(value)
    except ValueError:
        return value


def names(said: str, there: Iterable[str], variable: str) -> list[str]:
    """The streams that are named, with commas between them. Exits with a sentence if there is no such stream."""
    found = [name.strip() for name in said.split(",") if name.strip()]
    if unknown := [name for name in found if name not in there]:
        sys.exit(f"{variable}: there is no {', '.join(unknown)}; choose from these: {', '.join(there)}.")
    return found


class Part(NamedTuple):
    """One part of a list; by default all of it, whatever the list."""

    option: str = ""
    number: int = 1
    total: int = 1

    @classmethod
    def read(cls, said: str) -> "Part":
        """NAME=NUMBER/TOTAL. Exits with a sentence if there is no such part."""
        option, _, numbers = said.rpartition("=")
        number, _, total = numbers.partition("/")
        if option and number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total):
            return cls(option, int(number), int(total))
        example = "2/3" if option else "NAME=2/3"  # with make, the Makefile may add the name
        sys.exit(f"PART: {numbers} is not a part of {option or 'a list'}; the second of three would be {example}.")

    def database(self, path: Path) -> Path:
        """The database of this part, if `path` were that of the whole."""
        return path if self.total == 1 else path.with_name(f"{path.stem}.{self.number}-of-{self.total}{path.suffix}")

    def config(self, whole: Json, options: Json) -> Json:
        """The config of this part, with its items and its share of the requests. options: what the spec says."""
        if self.total == 1:
            return whole
        if not isinstance(items := whole.get(self.option), list) or not items:
            sys.exit(f"PART: the config lists no {self.option} to divide; list them there, or set {self.option}=@FILE.")
        # An empty list may mean everything. So the list stays whole, and no stream that depends on it is read.
        part: Json = {self.option: self._own(items) or items}
        if isinstance(rate := whole.get(RATE, options.get(RATE, {}).get("default")), int) and rate > 0:
            if rate < self.total:
                sys.exit(f"PART: {self.total} parts cannot share {rate} {RATE}; use at most {rate} parts.")
            part[RATE] = rate // self.total + (self.number <= rate % self.total)
        return whole | part

    def streams(self, configured: list[Json], once: list[str], config: Json) -> list[Json]:
        """Those that this part reads. Exits with a sentence, and with success, if there are none."""
        if self.total == 1:
            return configured
        depend = bool(self._own(config[self.option]))
        found = [one for one in configured if (self.number == 1 if one["stream"]["name"] in once else depend)]
        if not found:
            print(f"Part {self.number} of {self.total} has nothing to read.")
            sys.exit()
        return found

    def _own(self, items: list[Any]) -> list[Any]:
        return [item for item in items if crc32(str(item).encode()) % self.total == self.number - 1]


def arguments() -> Arguments:
    parser = argparse.ArgumentParser(description="Reads with this connector into a DuckDB database.")
    parser.add_argument("--config", type=Path, help="the connector's config; default: the sandbox's")
    parser.add_argument("--database", type=Path, help="the DuckDB file; default: secrets/(name of the config).duckdb")
    parser.add_argument("--streams", default="", help="the streams to read, separated by commas; default: all")
    parser.add_argument("--part", type=Part.read, default=Part(), metavar="NAME=I/N", help="part I of N of a list")
    parser.add_argument("--once", default="", help="streams that do not depend on that list, for part 1 alone")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the config")
    parser.add_argument("--full", action="store_true", help="read everything again, then replace the tables")
    return parser.parse_args()
