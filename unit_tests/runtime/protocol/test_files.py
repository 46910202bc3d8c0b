"""Tests the user's files: read, whatever program wrote them, or rejected with a sentence that does not quote them."""

import os

import pytest

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol.files import read_json, read_text

KEY = "k3y-of-0123456789-0123456789-0123456789-0123456789"


def file_with(tmp_path, content: bytes) -> str:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n "])
def test_json_is_read_with_or_without_a_byte_order_mark(tmp_path, start):
    assert read_json(file_with(tmp_path, start + '{"name": "ü"}'.encode()), "config") == {"name": "ü"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "config: {file} is empty."),
        (b"\xef\xbb\xbf\n", "config: {file} is empty."),
        (b"\xff\xfe{\x00}\x00", "config: {file} is not UTF-8 text."),
        (b'{"a" 1}', "config: {file} is not JSON (Expecting ':' delimiter: line 1 column 6 (char 5))."),
        (b"[" * 100_000, "config: {file} is nested too deeply."),
    ],
    ids=["empty", "only a byte order mark", "UTF-16", "a colon too few", "nested"],
)
def test_a_file_that_holds_no_json_is_refused(tmp_path, content, wanted):
    file = file_with(tmp_path, content)
    with pytest.raises(ConfigError) as error:
        read_json(file, "config")
    assert error.value.message.startswith(wanted.format(file=file))


@pytest.fixture
def stdin():
    """A function: sets the content of stdin until the end of the test."""
    ours = os.dup(0)

    def stdin(content: bytes):
        reader, writer = os.pipe()
        os.dup2(reader, 0)
        os.close(reader)
        os.write(writer, content)
        os.close(writer)

    yield stdin
    os.dup2(ours, 0)
    os.close(ours)


@pytest.mark.parametrize("path", ["-", "/dev/stdin"])
def test_a_file_can_be_stdin(stdin, path):
    stdin('\ufeff{"name": "ü"}'.encode())
    assert read_json(path, "config") == {"name": "ü"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "config: stdin is empty."),
        (b"\xff\xfe{\x00}\x00", "config: stdin is not UTF-8 text."),
        (b"{", "config: stdin is not JSON (Expecting property name"),
        (b"[" * 10_000, "config: stdin is nested too deeply."),
    ],
    ids=["empty", "UTF-16", "half an object", "nested"],
)
def test_stdin_without_json_is_called_by_its_name(stdin, content, wanted):
    stdin(content)
    with pytest.raises(ConfigError) as error:
        read_json("-", "config")
    assert error.value.message.startswith(wanted)


def test_a_closed_stdin_is_refused(stdin):
    os.close(0)
    with pytest.raises(ConfigError) as error:
        read_json("-", "config")
    assert error.value.message == "config: stdin cannot be read (Bad file descriptor)."


def test_a_file_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "missing.json"
    with pytest.raises(ConfigError) as error:
        read_text(str(file), "catalog")
    assert error.value.message == f"catalog: {file} cannot be read (No such file or directory)."


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(ConfigError) as error:
        read_text(str(tmp_path), "state")
    assert error.value.message == f"state: {tmp_path} cannot be read (Is a directory)."


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(ConfigError, match=r"^config: .* cannot be read"):
        read_text("a\0b", "config")


@pytest.mark.parametrize("broken", ['{"key": "%s" "size"}', '{"key": "%s', "%s", '{"key": "\\%s"}', "{'key': '%s'}"])
def test_a_broken_file_is_never_quoted(tmp_path, broken):
    with pytest.raises(ConfigError) as error:
        read_json(file_with(tmp_path, (broken % KEY).encode()), "config")
    assert KEY[:6] not in error.value.message


@pytest.mark.parametrize("start", ["[", '{"a":'], ids=["lists", "objects"])
def test_a_file_can_be_nested_as_deep_as_any_honest_one_and_no_deeper(tmp_path, start):
    def nested(depth):
        return (start * depth + "1" + start.replace('{"a":', "}").replace("[", "]") * depth).encode()

    assert read_json(file_with(tmp_path, nested(99)), "config")
    with pytest.raises(ConfigError, match="nested too deeply"):
        read_json(file_with(tmp_path, nested(101)), "config")
