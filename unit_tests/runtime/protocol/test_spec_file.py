"""Tests where spec.yaml is found, what it contains, and which parts are secret."""

import pytest

from source_stock_ticker.runtime.protocol.spec import read_spec, secrets

KEY = "k3y-of-12345678"
SCHEMA = {
    "type": "object",
    "properties": {"key": {"type": "string", "airbyte_secret": True}, "size": {"type": "string"}},
}

# The file


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a package that can be found but not imported."""
    folder = tmp_path / "tiny_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_checkout_has_the_spec_next_to_the_package(package):
    (package.parent / "spec.yaml").write_text("connectionSpecification: {title: Ü}", "utf-8")
    assert read_spec("tiny_package") == {"connectionSpecification": {"title": "Ü"}}


def test_a_built_package_carries_its_spec_and_no_other_one_counts(package):
    (package.parent / "spec.yaml").write_text("title: of somebody else", "utf-8")
    (package / "spec.yaml").write_text("title: ours", "utf-8")
    assert read_spec("tiny_package") == {"title": "ours"}


# Secrets


@pytest.mark.parametrize(
    ("value", "found"),
    [("abc", ["abc"]), (5, [5]), (["a", ["b"]], ["a", "b"]), ({"x": "a"}, ["a"]), (None, []), (True, [])],
)
def test_the_values_of_a_secret_field_are_secrets_whatever_their_type(value, found):
    assert list(secrets({"key": value, "size": "small"}, SCHEMA)) == found


@pytest.mark.parametrize(
    ("schema", "config"),
    [
        ({"properties": {"login": SCHEMA}}, {"login": {"key": KEY}}),
        ({"properties": {"login": {"type": "object", "oneOf": [{"properties": {}}, SCHEMA]}}}, {"login": {"key": KEY}}),
        ({"properties": {"logins": {"type": "array", "items": SCHEMA}}}, {"logins": [{"key": KEY}]}),
        ({"properties": {"login": {"anyOf": [{"properties": {}}, SCHEMA]}}}, {"login": {"key": KEY}}),
        ({"properties": {"login": {"allOf": [{"properties": {}}, SCHEMA]}}}, {"login": {"key": KEY}}),
        ({"properties": {"headers": {"additionalProperties": {"airbyte_secret": True}}}}, {"headers": {"X-Key": KEY}}),
        ({"additionalProperties": False, "properties": {"login": SCHEMA}}, {"login": {"key": KEY}}),
    ],
    ids=["object", "choice of objects", "list of objects", "anyOf", "allOf", "fields of any name", "no others"],
)
def test_secrets_are_found_at_any_depth(schema, config):
    assert list(secrets(config, schema)) == [KEY]


@pytest.mark.parametrize("config", [None, [], "text", 5, {}, {"size": {"key": "x"}}])
def test_where_there_is_no_secret_none_is_found(config):
    assert list(secrets(config, SCHEMA)) == []
