"""A tiny connector, which the tests check from outside: stdout, stderr and the exit code."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEY = "k3y-of-12345678"
SPEC = """
documentationUrl: https://example.com
connectionSpecification:
  type: object
  required: [key]
  properties:
    key: {type: string, title: Key, airbyte_secret: true, minLength: 1}
    does:
      type: string
      title: What it does
      enum: [well, refuse, crash, import, print, fail, wait, "no end", large rows]
"""
MAIN = """
import sys
from source_stock_ticker.runtime.entrypoint import launch

sys.exit(launch("tiny.source:Tiny", "1.2.3"))
"""
SOURCE = '''
import itertools, sys, time, warnings
from pathlib import Path
from source_stock_ticker.runtime.errors import ConfigError, TransientError
from source_stock_ticker.runtime.source import Source
from source_stock_ticker.runtime.stream import Page, Stream

class Numbers(Stream[int]):
    """Rows 1, 2, 3; or what the config requests."""
    name, primary_key, cursor_field = "numbers", ("id",), "id"
    schema_folder = Path(__file__).parent

    def __init__(self, does):
        self.does = does

    def slices(self, state):
        first = state.get("last", 0) + 1
        return iter(range(first, 4)) if self.does != "no end" else itertools.count(first)

    def fetch(self, stream_slice, page_token):
        if self.does == "wait" and stream_slice == 3:
            time.sleep(60)
        if self.does == "fail" and stream_slice == 3:
            raise TransientError("The API is down.")
        return stream_slice

    def parse(self, stream_slice, response):
        return Page([{"id": response, "text": "x" * (1_000_000 if self.does == "large rows" else 10)}])

    def checkpoint(self, state, stream_slice, written):
        state["last"] = written.last["id"]

class Tiny(Source):
    def check(self, logger, config):
        self.streams(logger, config)

    def streams(self, logger, config):
        key, does = config["key"], config.get("does", "well")
        logger.debug("The key is %s.", key, extra={"config": config})
        if does == "refuse":
            raise ConfigError(f"key: {key} is refused.", repr(config))
        if does == "crash":
            raise KeyError(key)
        if does == "import":
            import no_such_package
        if does == "print":
            print("I should not print.")
            sys.stdout.write("Nor write.")
            warnings.warn("This is old.")
        return [Numbers(does)]
'''
CATALOG = {"streams": [{"stream": {"name": "numbers"}, "sync_mode": "incremental"}]}
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}


class Run:
    """The result of a run: its messages, its stderr, its exit code."""

    def __init__(self, messages, stderr, exit_code):
        self.messages, self.stderr, self.exit_code = messages, stderr, exit_code

    def of_type(self, kind):
        return [message[kind] for message in self.messages if kind in message]

    @property
    def rows(self):
        return [record["data"]["id"] for record in self.of_type("record")]

    @property
    def last_state(self):
        return self.of_type("state")[-1]["stream"]["stream_state"]

    @property
    def error(self):
        """The last TRACE ERROR."""
        return [trace["error"] for trace in self.of_type("trace") if trace["type"] == "ERROR"][-1]


def lines_until(process, start_of_line, count=1):
    """Reads the output up to the count-th line that starts like this."""
    lines = b""
    while count:
        line = process.stdout.readline()
        assert line, "the process has ended too early"
        lines += line
        count -= line.startswith(start_of_line)
    return lines
