"""Tests the tables: how a response becomes rows, what happens to unreadable items, and where a read resumes."""

import time
from typing import Any, ClassVar

import pytest
from sandbox_api import SECONDARY_LIMIT

from source_issue_tracker.runtime.errors import (
    ConfigError,
    CredentialsError,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)
from source_issue_tracker.runtime.stream import Stream
from source_issue_tracker.runtime.testing import StreamContract, read_stream

NEW_ISSUE = {"id": 106, "number": 6, "title": "New", "comments": 0, "updated_at": "2024-03-09T08:00:00Z"}
STREAMS = ["repositories", "issues", "comments", "commits"]
REFUSED = ("status", 400, {}, {"message": "no"})
NEW_COMMIT = {"sha": "a5f0", "message": "More", "author": "jo", "committed_at": "2024-03-09T09:00:00Z"}


class Contract(StreamContract):
    """The contract of every stream, against the sandbox."""

    name: str
    config: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _api(self, stream):
        self.open = stream

    def stream(self) -> Stream[Any]:
        return self.open(self.name, **self.config)


class TestRepositories(Contract):
    name = "repositories"


class TestIssues(Contract):
    name = "issues"


class TestIssuesOfNamedRepositories(Contract):
    name, config = "issues", {"repositories": ["acme/website", "acme/app"]}


class TestComments(Contract):
    name = "comments"


class TestCommits(Contract):
    name = "commits"


def table(rows):
    """The rows, sorted."""
    return sorted(sorted(row.items()) for row in rows)


# Rows


def test_repositories_are_those_that_the_organization_lists_and_those_that_are_named(stream):
    names = [row["full_name"] for row in read_stream(stream("repositories")).rows]
    assert names == ["acme/website", "acme/app", "acme/empty", "acme/payroll", "acme/wiki", "jo/dotfiles"]


def test_a_repository_that_is_named_and_listed_or_named_twice_is_read_once(stream):
    rows = read_stream(stream("commits", repositories=["jo/dotfiles", "acme/app", "acme/*", "jo/dotfiles"])).rows
    assert [row["sha"] for row in rows] == ["d1f0", "a4f0", "a3f0", "a2f0", "b2f0", "b1f0", "c1f0"]


@pytest.mark.parametrize("name", ["issues", "commits"])
def test_each_change_since_the_start_date_is_a_row_that_says_whose_it_is(name, stream, api):
    assert table(read_stream(stream(name)).rows) == table(api.rows(name, since="2024-03-01T00:00:00Z"))


def test_a_deleted_issue_is_a_row_that_says_so(stream):
    (deleted,) = [row for row in read_stream(stream("issues")).rows if row.get("deleted")]
    assert deleted == {
        "id": 104, "repository": "acme/website", "number": 4, "deleted": True, "updated_at": "2024-03-05T08:00:00Z"
    }  # fmt: skip


def test_comments_are_those_of_all_issues_since_the_start_date(stream, api):
    assert table(read_stream(stream("comments")).rows) == table(api.rows("comments"))


def test_an_issue_without_comments_costs_no_request(stream, api):
    read_stream(stream("comments"))
    assert {path.partition("?")[0] for path in api.calls("/comments")} == {
        f"/repos/{issue}/comments" for issue in api.data["comments"]
    }


@pytest.mark.parametrize("body", [{"message": "Welcome"}, [5], "x", None, [{"id": "x"}]])
def test_a_response_without_rows_is_not_mistaken_for_an_empty_list(body, stream, api):
    api.fail_next(("status", 200, {}, body), times=9)
    reading = read_stream(stream("repositories", repositories=["acme/*"]))
    assert (reading.rows, reading.failed) == ([], ["acme/*"])


def test_a_link_to_another_host_is_not_followed(stream, api):
    link = {"Link": '<https://elsewhere.example/page>; rel="next"'}
    api.fail_next(("status", 200, link, []), times=9)
    assert read_stream(stream("repositories", repositories=["acme/*"])).failed == ["acme/*"]
    assert {path.split("?")[0] for path in api.calls()} == {"/orgs/acme/repos"}


def test_pages_are_requested_as_large_as_the_api_gives_them(stream, api):
    for name in STREAMS:
        read_stream(stream(name))
    assert [path for path in api.calls() if "per_page=100" not in path] == []


def test_a_name_can_contain_any_character(stream, api):
    api.data["repositories"][0]["full_name"] = "acme/web?site"
    read_stream(stream("commits"))
    assert len(api.calls("/repos/acme/web%3Fsite/commits?")) == 1


# Parents


def test_the_repositories_are_listed_once_although_three_streams_need_them(streams, api):
    made = streams()
    for name in STREAMS[1:]:
        read_stream(made[name], workers=4)
    assert len(api.calls("/orgs/acme/repos")) == 3  # pages


def test_a_repository_that_fails_does_not_hold_back_others_and_is_read_again_as_a_whole(stream, api):
    api.fail_next(None, path="/acme/website/issues?")
    api.fail_next(REFUSED, path="/acme/website/issues?")  # the second page
    reading = read_stream(stream("issues"))
    assert reading.failed == ["acme/website"]
    assert [row["number"] for row in reading.rows if row["repository"] == "acme/website"] == [5, 4]
    assert set(reading.state["read"]) == {"acme/app", "jo/dotfiles"}
    rest = read_stream(stream("issues"), reading.state).rows
    assert [row["number"] for row in rest if row["repository"] == "acme/website"] == [5, 4, 3, 2]


@pytest.mark.parametrize("name", ["issues", "comments", "commits"])
def test_repositories_that_cannot_be_listed_are_named_and_the_others_are_read(name, stream, api):
    api.fail_next(REFUSED, path="/orgs/")
    reading = read_stream(stream(name))
    assert {row["repository"] for row in reading.rows} == {"jo/dotfiles"}
    assert reading.failed == ["the issues of " * (name == "comments") + "the repositories of acme/*"]


# What cannot be read


@pytest.mark.parametrize("name", ["issues", "commits", "comments"])
@pytest.mark.parametrize("code", [403, 404, 410])
def test_what_the_api_listed_and_then_refuses_is_left_out_with_a_warning(code, name, stream, api, caplog):
    whole = read_stream(stream(name)).rows
    part = {"comments": "/acme/app/issues/1/comments"}.get(name, f"/acme/app/{name}")
    api.fail_next(("status", code, {}, {"message": "no"}), path=part)
    reading = read_stream(stream(name))
    assert (reading.failed, reading.rows) == ([], [row for row in whole if row["repository"] != "acme/app"])
    assert "acme/app" not in reading.state.get("read", {})
    assert f"HTTP {code} for {'/repos' + part}" in caplog.text


def test_what_is_left_out_keeps_its_place_in_the_state(stream, api):
    state = read_stream(stream("commits")).state
    api.fail_next(("status", 403, {}, {"message": "no"}), path="/acme/app/commits")
    assert read_stream(stream("commits"), state).state["read"] == state["read"]


@pytest.mark.parametrize("name", ["jo/vault", "jo/gone", "jo/nobody"])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_named_repository_that_is_refused_is_a_config_error_of_its_slice_alone(name, kind, stream):
    reading = read_stream(stream(kind, repositories=[name, "jo/dotfiles"]))
    assert {row.get("full_name", row.get("repository")) for row in reading.rows} == {"jo/dotfiles"}
    whose = {"repositories": "", "comments": "the issues of the repositories of "}.get(kind, "the repositories of ")
    assert reading.failed == [whose + name]


def test_disabled_issues_of_a_named_repository_are_its_users_to_know(stream):
    assert read_stream(stream("issues", repositories=["acme/wiki", "jo/dotfiles"])).failed == ["acme/wiki"]


@pytest.mark.parametrize("repositories", [["acme/*"], ["acme/empty"]])
def test_an_empty_repository_has_no_commits_whoever_named_it(repositories, stream, caplog):
    assert read_stream(stream("commits", repositories=repositories)).failed == []
    assert "skipped acme/empty." in caplog.text


@pytest.mark.parametrize(("code", "error"), [(401, CredentialsError), (422, UnexpectedResponse), (503, TransientError)])
def test_each_refusal_says_who_must_act(code, error, stream, api):
    api.fail_next(("status", code, {}, {"message": "because"}), times=9)
    with pytest.raises(error, match=str(code)):
        stream("repositories").fetch("acme/*", None)


def test_a_refusal_quotes_the_api(stream, api):
    with pytest.raises(Unavailable, match="This was deleted or is disabled"):
        stream("repositories").fetch("jo/gone", None)


# Names that have changed


def test_a_renamed_repository_is_read_under_its_new_name(stream, api):
    rows = read_stream(stream("issues", repositories=["jo/settings"])).rows
    assert [row["repository"] for row in rows] == ["jo/dotfiles"]


def test_a_repository_that_is_renamed_after_it_was_listed_is_read_all_the_same(stream, api):
    whole = read_stream(stream("commits")).rows
    found = stream("commits")
    parents = list(found.parents())
    found.parents = lambda: parents  # listed, but not requested yet
    api.data["repositories"][0]["full_name"] = "acme/site"
    api.data["renamed"]["acme/website"] = "acme/site"
    api.data["commits"]["acme/site"] = api.data["commits"].pop("acme/website")
    assert read_stream(found).rows == whole


def test_a_redirect_to_another_host_is_not_followed(stream, api):
    api.fail_next(("status", 301, {"Location": "https://elsewhere.example/"}, {}), times=9)
    with pytest.raises(UnexpectedResponse, match="redirects"):
        stream("repositories").fetch("jo/dotfiles", None)


# Rate limits


def test_a_used_up_limit_is_waited_for_until_its_reset(stream, api, waits):
    whole = read_stream(stream("issues")).rows
    api.limit, api.used, api.reset = 20, 17, time.time() + 50 * 60
    assert read_stream(stream("issues")).rows == whole
    assert waits == [pytest.approx(50 * 60, abs=3)]


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (SECONDARY_LIMIT, 1),
        (("status", 403, {"Retry-After": "7"}, SECONDARY_LIMIT[3]), 7),
        (("status", 403, {}, SECONDARY_LIMIT[3]), 60),
        (("status", 429, {"Retry-After": "7"}, {}), 7),
    ],
)
def test_requests_that_come_too_fast_are_sent_again_later(fault, seconds, stream, api, waits):
    whole = read_stream(stream("issues")).rows
    api.fail_next(fault, path="/acme/app/issues")
    assert read_stream(stream("issues")).rows == whole
    assert waits == [pytest.approx(seconds, abs=1.1)]


# Where a read resumes


def test_the_second_sync_reads_what_is_new_and_the_last_second_again(stream, api):
    state = read_stream(stream("issues")).state
    assert state["read"]["acme/website"] == ["2024-03-01T00:00:00Z", "2024-03-06T07:15:00Z"]
    assert state["read"]["acme/app"][1] == "2024-03-07T16:45:30Z"  # the API wrote it as 17:45:30+01:00
    api.data["issues"]["acme/website"].append(NEW_ISSUE)
    rows = read_stream(stream("issues"), state).rows
    assert [(row["repository"], row["number"]) for row in rows] == [
        ("acme/website", 6),
        ("acme/website", 5),
        ("acme/app", 2),
        ("jo/dotfiles", 1),
    ]


def test_newest_first_a_read_that_breaks_off_moves_no_state_before_a_repository_is_done(stream, api):
    reading = read_stream(stream("issues", repositories=["acme/website"]))
    assert [(written, list(state["read"])) for written, state in reading.checkpoints] == [
        (0, []),
        (2, []),
        (4, ["acme/website"]),
    ]


def test_rows_in_another_order_are_refused_for_the_state_would_be_a_lie(stream, api):
    oldest_first = [{**NEW_ISSUE, "updated_at": "2024-03-02T08:00:00Z"}, NEW_ISSUE]
    api.fail_next(("status", 200, {}, oldest_first), times=3, path="/issues?")
    reading = read_stream(stream("issues", repositories=["acme/app"]))
    assert (reading.failed, reading.state["read"]) == (["acme/app"], {})


def test_what_changes_while_its_pages_are_read_is_lost_by_no_sync(stream, api):
    first_stream = stream("issues", repositories=["acme/website"])
    fetch = first_stream.fetch

    def fetch_and_change(window, page_token):
        response = fetch(window, page_token)
        api.data["issues"]["acme/website"][1]["updated_at"] = "2024-03-10T08:00:00Z"  # to the front of the list
        return response

    first_stream.fetch = fetch_and_change
    first = read_stream(first_stream)
    assert {row["number"] for row in first.rows} == {3, 4, 5}
    second = read_stream(stream("issues", repositories=["acme/website"]), first.state)
    assert [row["number"] for row in second.rows] == [2, 5]


def test_a_clock_that_is_ahead_hides_no_later_issue(stream, api):
    api.data["issues"]["acme/app"].append(NEW_ISSUE | {"updated_at": "2999-01-01T00:00:00Z"})
    assert read_stream(stream("issues")).state["read"]["acme/app"][1] < "2999"


@pytest.mark.parametrize("saved", [{"read": []}, {"read": {"acme/app": "2024"}}, {"read": {"acme/app": [1, "x"]}}])
def test_a_state_of_another_source_is_refused(saved, stream):
    with pytest.raises(ConfigError, match="state: the saved state of issues"):
        stream("issues").resume(saved)


# ETags


def test_what_has_not_changed_is_answered_with_304_and_no_rows(stream, api):
    first = read_stream(stream("commits"))
    second = read_stream(stream("commits"), first.state)  # a list since a later moment, of which no ETag is known yet
    assert not any("if-none-match" in headers for headers in api.headers)
    third = read_stream(stream("commits"), second.state)
    assert [len(reading.rows) for reading in (first, second, third)] == [7, 4, 0]
    assert len([headers for headers in api.headers if "if-none-match" in headers]) == 4  # of six; two are not for us
    assert third.state == second.state


def test_a_304_that_was_not_requested_does_not_end_a_list(stream, api):
    wanted = read_stream(stream("issues")).rows
    api.fail_next(("status", 304, {}, b""), times=1, path="page=2")
    assert read_stream(stream("issues")).rows == wanted


def test_a_new_commit_is_read_although_there_was_an_etag(stream, api):
    state = read_stream(stream("commits"), read_stream(stream("commits")).state).state
    api.data["commits"]["acme/website"].append(NEW_COMMIT)
    assert [row["sha"] for row in read_stream(stream("commits"), state).rows] == ["a5f0", "a4f0"]


def test_the_etag_of_a_page_is_not_used_for_a_list_of_several(stream, api):
    assert set(read_stream(stream("commits")).state["etags"]) == {"acme/app", "acme/wiki", "jo/dotfiles"}


def test_etags_that_no_read_has_saved_are_ignored(stream):
    state = read_stream(stream("commits")).state
    whole = read_stream(stream("commits"), state | {"etags": {}}).rows
    for etags in ([], {"acme/app": "x"}, {"acme/app": {state["read"]["acme/app"][1]: 5}}):
        assert read_stream(stream("commits"), state | {"etags": etags}).rows == whole


def test_an_etag_is_saved_after_its_rows(stream, api):
    api.page_size = 9
    read = read_stream(stream("commits"))
    assert len(read.state["etags"]) == 4
    for written, state in read.checkpoints:
        assert set(state["etags"]) == {row["repository"] for row in read.rows[:written]}


def test_an_earlier_start_date_reads_all_again_whatever_the_etags(stream, api):
    later = read_stream(stream("commits", start_date="2024-03-05")).state
    later = read_stream(stream("commits", start_date="2024-03-05"), later).state
    whole = read_stream(stream("commits")).rows
    assert read_stream(stream("commits"), later).rows == whole


def test_a_full_refresh_reads_all_whatever_the_etags(stream):
    whole = read_stream(stream("commits"), full_refresh=True)
    assert read_stream(stream("commits"), full_refresh=True).rows == whole.rows
