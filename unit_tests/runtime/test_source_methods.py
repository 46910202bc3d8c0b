"""Tests a Source used from Python: each method returns the message that its command would write."""

import json
import logging

import pytest

from source_stock_ticker.runtime.errors import ConfigError, TransientError
from source_stock_ticker.runtime.process.output import Output
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.source import Source
from source_stock_ticker.runtime.stream import Page, Stream

LOGGER = logging.getLogger("airbyte")
SPEC = {
    "documentationUrl": "https://example.com",
    "connectionSpecification": {
        "type": "object",
        "properties": {"key": {"type": "string", "airbyte_secret": True}, "size": {"type": "string"}},
        "required": ["key"],
    },
}
SCHEMA = {"type": "object", "properties": {"letter": {"type": "string"}}}


class Letters(Stream[str]):
    name = "letters"

    def json_schema(self):
        return SCHEMA

    def fetch(self, stream_slice, page_token):
        return "ab"

    def parse(self, stream_slice, response):
        return Page([{"letter": letter} for letter in response])


class Alphabet(Source):
    specification = SPEC

    def __init__(self):
        self.checked = []

    def check(self, logger, config):
        self.checked.append(config)
        if config["key"] == "refused":
            raise ConfigError("key: it is refused.")
        if config["key"] == "down":
            raise TransientError("The API is down.")
        if config["key"] == "bug":
            raise KeyError("oops")

    def streams(self, logger, config):
        return [Letters()]


@pytest.fixture
def run(tmp_path):
    """A function: a source, a command and a config -> the messages that `run` gives."""

    def run(source, command, config, **files):
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        paths = {"config": str(tmp_path / "config.json"), "catalog": None, "state": None, **files}
        return [json.loads(line) for line in b"".join(source.run(command, paths, LOGGER, Output())).splitlines()]

    return run


@pytest.fixture
def read(run, tmp_path):
    """A function: names of streams, the content of a state file, a sync mode -> the messages of a read."""

    def read(names, state, sync_mode="incremental"):
        catalog = {"streams": [{"stream": {"name": name}, "sync_mode": sync_mode} for name in names]}
        paths = {"catalog": str(tmp_path / "catalog.json"), "state": str(tmp_path / "state.json")}
        (tmp_path / "catalog.json").write_text(json.dumps(catalog), "utf-8")
        (tmp_path / "state.json").write_text(json.dumps(state), "utf-8")
        return run(Alphabet(), "read", {"key": "a"}, **paths)

    return read


def test_spec_is_what_the_specification_says():
    assert json.loads(Alphabet().spec()) == {"type": "SPEC", "spec": SPEC}


def test_the_specification_is_the_spec_yaml_of_the_package_that_the_class_is_in(tmp_path, monkeypatch):
    (tmp_path / "tiny_alphabet").mkdir()
    (tmp_path / "tiny_alphabet" / "__init__.py").write_text("", "utf-8")
    (tmp_path / "spec.yaml").write_text("title: of tiny_alphabet", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    in_a_package = type("Tiny", (Source,), {"__module__": "tiny_alphabet.inner.source"})
    assert in_a_package().specification == {"title": "of tiny_alphabet"}


def test_discover_shows_each_stream_with_its_schema():
    (stream,) = json.loads(Alphabet().discover(LOGGER, {"key": "a"}))["catalog"]["streams"]
    assert (stream["name"], stream["json_schema"]) == ("letters", SCHEMA)


def test_read_gives_the_rows_of_the_streams_in_the_catalog(messages_in):
    lines = Alphabet().read(LOGGER, {"key": "a"}, [ConfiguredStream("letters", None, False)], {})
    rows = [message["record"]["data"] for message in messages_in(b"".join(lines)) if message["type"] == "RECORD"]
    assert rows == [{"letter": "a"}, {"letter": "b"}]


def test_one_request_at_a_time_is_under_way_unless_a_source_says_otherwise():
    assert Alphabet().workers({"key": "a"}) == 1


def test_check_is_given_the_valid_config_without_what_is_blank(run):
    source = Alphabet()
    (message,) = run(source, "check", {"key": "a", "size": ""})
    assert message["connectionStatus"] == {"status": "SUCCEEDED"}
    assert source.checked == [{"key": "a"}]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"key": "refused"}, "key: it is refused."),
        ({"key": "down"}, "The API is down."),
        ({"key": 5}, "key must be a string."),
    ],
)
def test_a_check_that_fails_says_why(run, config, told):
    (message,) = run(Alphabet(), "check", config)
    assert message["connectionStatus"] == {"status": "FAILED", "message": told}


def test_a_bug_in_a_check_is_no_answer_to_it(run):
    with pytest.raises(KeyError):
        run(Alphabet(), "check", {"key": "bug"})


def test_no_connector_method_sees_a_config_that_is_not_valid(run):
    source = Alphabet()
    with pytest.raises(ConfigError, match=r"^key is missing"):
        run(source, "discover", {})
    run(source, "check", {})
    assert source.checked == []


def test_a_catalog_without_streams_reads_nothing_and_says_so(read, caplog):
    assert read([], []) == []
    assert caplog.messages == ["catalog: it selects no stream, so there is nothing to read."]


def state_of(*names):
    return [{"stream": {"stream_descriptor": {"name": name}, "stream_state": {"last": "a"}}} for name in names]


NONE_OF_THEM = "state: it contains none of the catalog's streams (by name and namespace), so each starts from scratch."


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ([], []),
        (state_of("letters"), []),
        (state_of("words", "letters"), []),
        (state_of("words"), [NONE_OF_THEM]),
        (
            [{"stream": {"stream_descriptor": {"name": "letters", "namespace": "eu"}, "stream_state": {}}}],
            [NONE_OF_THEM],
        ),
    ],
)
def test_a_state_of_none_of_the_streams_is_no_obstacle_and_said(read, caplog, state, told):
    assert len([message for message in read(["letters"], state) if message["type"] == "RECORD"]) == 2
    assert [text for text in caplog.messages if text.startswith("state:")] == told


def test_a_map_that_names_none_of_the_streams_is_refused(read):
    with pytest.raises(ConfigError, match=r"^state: the file contains no state of this source"):
        read(["letters"], {"bookmarks": {"letters": {"last": "a"}}})


def test_a_new_config_and_new_secrets_reach_the_output_while_a_command_runs(capfd, tmp_path):
    class Rotating(Alphabet):
        def check(self, logger, config):
            self.hide("t0k3n-of-the-day")
            self.save_config({**config, "key": "new-key-of-the-day"})
            raise ConfigError("t0k3n-of-the-day is refused.")

    (tmp_path / "config.json").write_text('{"key": "old"}', "utf-8")
    output = Output()
    for message in Rotating().run("check", {"config": str(tmp_path / "config.json")}, LOGGER, output):
        output.write(message)
    control, status = map(json.loads, capfd.readouterr().out.splitlines())
    assert control["control"]["connectorConfig"] == {"config": {"key": "new-key-of-the-day"}}
    assert status["connectionStatus"]["message"] == "**** is refused."


def test_used_from_python_they_go_nowhere(capfd):
    source = Alphabet()
    source.hide("secret")
    source.save_config({})
    assert capfd.readouterr().out == ""
