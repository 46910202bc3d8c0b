"""Tests the configured catalog: which parts count, and the sentence for each possible mistake."""

import json

import pytest

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream, configured_streams
from source_stock_ticker.runtime.stream import Stream


def entry(name="letters", sync_mode="full_refresh", **more):
    """One stream of a configured catalog, as short as possible."""
    return {"stream": {"name": name, **more.pop("stream", {})}, "sync_mode": sync_mode, **more}


def sentence(catalog):
    with pytest.raises(ConfigError) as error:
        configured_streams(catalog)
    return error.value.message


def test_streams_come_in_the_order_of_the_catalog():
    catalog = {"streams": [entry("b"), entry("a", "incremental"), entry("c")]}
    assert configured_streams(catalog) == [
        ConfiguredStream("b", None, incremental=False),
        ConfiguredStream("a", None, incremental=True),
        ConfiguredStream("c", None, incremental=False),
    ]


def test_a_catalog_can_contain_no_stream():
    assert configured_streams({"streams": []}) == []


def test_what_is_for_the_destination_is_left_alone():
    full = entry(
        destination_sync_mode="append_dedup",
        cursor_field=["letter"],
        primary_key=[["letter"]],
        generation_id=1,
        minimum_generation_id=0,
        include_files=False,
        destination_object_name="x",
        something_new={},
        stream={"json_schema": {}, "supported_sync_modes": ["full_refresh"], "something_new": 1},
    )
    assert configured_streams({"streams": [full], "something_new": 1}) == configured_streams({"streams": [entry()]})


@pytest.mark.parametrize(("written", "meant"), [(7, 7), (0, 0), (None, None), ("7", None), (7.5, None), (True, None)])
def test_the_number_of_the_job_is_kept(written, meant):
    assert configured_streams({"streams": [entry(sync_id=written)]}) == [
        ConfiguredStream("letters", None, incremental=False, sync_id=meant)
    ]


def test_keys_can_be_null():
    nulls = entry(
        cursor_field=None,
        primary_key=None,
        generation_id=None,
        sync_id=None,
        stream={"namespace": None, "json_schema": None},
    )
    assert configured_streams({"streams": [nulls]}) == [ConfiguredStream("letters", None, incremental=False)]


@pytest.mark.parametrize(("written", "meant"), [("eu", "eu"), ("", None), (None, None)])
def test_an_empty_namespace_is_none(written, meant):
    (stream,) = configured_streams({"streams": [entry(stream={"namespace": written})]})
    assert stream.namespace == meant


def test_a_stream_in_two_namespaces_is_refused_for_the_source_has_it_once():
    catalog = {"streams": [entry(stream={"namespace": "eu"}), entry(stream={"namespace": "us"})]}
    assert sentence(catalog) == "catalog: the stream letters is listed more than once; keep one."


@pytest.mark.parametrize("catalog", [None, [], "text", 5, {}, {"streams": None}, {"streams": {}}, {"streams": "a"}])
def test_a_catalog_without_a_list_of_streams_is_refused(catalog):
    assert sentence(catalog) == 'catalog: it must be an object with a list "streams", as in sample_files/.'


def test_the_output_of_discover_is_recognized():
    class Letters(Stream):
        name = "letters"

        def json_schema(self):
            return {"type": "object", "properties": {"letter": {"type": "string"}}}

    line = json.loads(messages.catalog([Letters().catalog_entry()]))
    wanted = (
        "catalog: this is the output of discover, which lists all streams. A configured catalog selects what to "
        'read, and how: {"streams": [{"stream": {"name": ..}, "sync_mode": ..}, ..]}, as in sample_files/.'
    )
    assert sentence(line) == wanted
    assert sentence(line["catalog"]) == wanted


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "letters",
        [],
        {},
        {"stream": "letters"},
        {"stream": {}},
        entry(""),
        entry(None),
        entry(5),
    ],
    ids=json.dumps,
)
def test_a_stream_without_a_name_is_refused_by_its_place(broken):
    assert sentence({"streams": [entry(), broken]}) == 'catalog: streams[1] needs a "stream" with a "name".'


@pytest.mark.parametrize("mode", [None, "", "INVALID", "FULL_REFRESH", 1, [], {}], ids=json.dumps)
def test_an_unknown_sync_mode_is_refused(mode):
    wanted = "catalog: the sync_mode of letters must be full_refresh or incremental."
    assert sentence({"streams": [entry(sync_mode=mode)]}) == wanted


@pytest.mark.parametrize("namespace", [5, ["eu"], {"eu": 1}, True])
def test_a_namespace_that_is_not_a_string_is_refused(namespace):
    wanted = "catalog: the namespace of letters must be a string."
    assert sentence({"streams": [entry(stream={"namespace": namespace})]}) == wanted


def test_a_stream_listed_twice_is_refused():
    wanted = "catalog: the stream letters is listed more than once; keep one."
    assert sentence({"streams": [entry(), entry(sync_mode="incremental")]}) == wanted
