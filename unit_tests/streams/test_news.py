"""Tests news: each article comes once, however many tickers it names, and none is lost between syncs."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from known_responses import API, ARTICLE, ok, queries

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.streams.news import News


def article(id: str, published: str, *tickers: str) -> dict:
    return ARTICLE | {"id": id, "published_utc": published, "tickers": list(tickers)}


class Newspaper:
    """Responds with its articles like the API: by ticker, from a moment on, in order, in pages.

    down: a ticker for which it sends only the first `served` articles.
    """

    def __init__(self, server, *articles: dict, page: int = 1000, down: str = "", served: int = 0) -> None:
        self.articles, self.page, self.down, self.served = list(articles), page, down, served
        server.add_callback("GET", re.compile(f"{API}/v2/reference/news"), callback=self._respond)

    def _respond(self, request) -> tuple[int, dict, str]:
        query = dict(parse_qsl(urlsplit(request.url).query))
        at = int(query.get("cursor", 0))
        if self.down and query.get("ticker") == self.down and at >= self.served:
            return 503, {}, ""
        found = [a for a in self.articles if query.get("ticker", a["tickers"][0]) in a["tickers"]]
        found = [
            a for a in found if query["published_utc.gte"] <= a["published_utc"] < query.get("published_utc.lt", "9")
        ]
        found.sort(key=lambda a: a["published_utc"])
        body = ok(*found[at : at + self.page])
        if at + self.page < len(found):
            link = request.url.split("&cursor")[0] + f"&cursor={at + self.page}"
            body["next_url"] = link.replace(API, f"{API}:443")
        return 200, {}, json.dumps(body)


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


def test_the_news_of_a_ticker_are_requested_in_their_order(server, connect, read):
    Newspaper(server)
    read(connect(News, start_date="2024-01-02"))
    wanted = {"ticker": "AAPL", "published_utc.gte": "2024-01-02T00:00:00Z", "order": "asc", "sort": "published_utc"}
    assert queries(server) == [wanted | {"limit": "1000"}]


@pytest.mark.parametrize(
    ("end_date", "before"), [("2024-02-29", "2024-03-01T05:00:00Z"), ("2024-03-11", "2024-03-12T04:00:00Z")]
)
def test_the_news_end_with_the_end_date_in_new_york(server, connect, read, end_date, before):
    Newspaper(server)
    read(connect(News, start_date="2024-01-02", end_date=end_date))
    assert queries(server)[0]["published_utc.lt"] == before


def test_the_news_have_no_last_day_that_is_too_far_away(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T14:05:00Z", "AAPL"))
    assert ids(read(connect(News, start_date="2024-01-02", end_date="9999-12-31")).rows) == ["a"]


def test_the_news_of_the_market_have_no_ticker(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T14:05:00Z", "XXXX"))
    reading = read(connect(News, tickers=[], start_date="2024-01-02"))
    assert (ids(reading.rows), reading.state) == (
        ["a"],
        {"read": {"*": ["2024-01-02T00:00:00Z", "2024-03-01T14:05:00Z"]}},
    )
    assert "ticker" not in queries(server)[0]


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_an_article_about_two_tickers_comes_once(server, connect, read, page):
    Newspaper(
        server,
        article("a", "2024-03-01T00:00:00Z", "MSFT", "AAPL"),
        article("b", "2024-03-02T00:00:00Z", "MSFT"),
        article("c", "2024-03-03T00:00:00Z", "AAPL", "ZZZ", "MSFT"),
        page=page,
    )
    assert ids(read(connect(News, tickers=["AAPL", "MSFT"])).rows) == ["a", "c", "b"]


@pytest.mark.parametrize(("page", "served"), [(1, 0), (1, 1), (1000, 0)])
def test_what_was_left_to_a_failed_ticker_comes_even_if_it_is_removed_from_the_config(
    server, connect, read, page, served
):
    days = {"both 1": ("AAPL", "MSFT"), "own 2": ("MSFT",), "both 3": ("AAPL", "MSFT"), "own 4": ("MSFT",)}
    articles = [article(name, f"2024-03-0{name[-1]}T00:00:00Z", *about) for name, about in days.items()]
    newspaper = Newspaper(server, *articles, down="AAPL", page=page, served=served)
    broken = read(connect(News, tickers=["AAPL", "MSFT"], lookback_days=0))
    assert set(ids(broken.rows)) == {"own 2", "own 4", *["both 1"][:served]}
    newspaper.down = ""
    rest = read(connect(News, tickers=["MSFT"], lookback_days=0), broken.state)
    assert set(ids(broken.rows + rest.rows)) == set(days)


@pytest.mark.parametrize("page", [1, 1000])
def test_the_cursor_advances_over_articles_that_another_ticker_writes(server, connect, read, page):
    both, own = article("a", "2024-03-01T00:00:00Z", "AAPL", "MSFT"), article("b", "2024-03-02T00:00:00Z", "MSFT")
    for articles, newest_of_msft in (([both], "2024-03-01T00:00:00Z"), ([both, own], "2024-03-02T00:00:00Z")):
        server.reset()
        Newspaper(server, *articles, page=page)
        read_until = read(connect(News, tickers=["AAPL", "MSFT"])).state["read"]
        newest = {ticker: days[1] for ticker, days in read_until.items()}
        assert newest == {"AAPL": "2024-03-01T00:00:00Z", "MSFT": newest_of_msft}


def test_an_article_that_does_not_name_the_ticker_it_was_found_by_is_kept(server, connect, read):
    server.get(f"{API}/v2/reference/news", json=ok(article("a", "2024-03-01T00:00:00Z", "ZZZ")))
    assert ids(read(connect(News)).rows) == ["a"]


def test_an_article_that_names_only_another_ticker_is_kept_where_it_was_found(server, connect, read):
    under = {"AAPL": ok(article("a", "2024-03-01T00:00:00Z", "MSFT")), "MSFT": ok()}
    for ticker, body in under.items():
        matches = [responses.matchers.query_param_matcher({"ticker": ticker}, strict_match=False)]
        server.get(f"{API}/v2/reference/news", json=body, match=matches)
    assert ids(read(connect(News, tickers=["AAPL", "MSFT"])).rows) == ["a"]


@pytest.mark.parametrize("tickers", [None, []])
def test_an_article_without_tickers_is_kept(server, connect, read, tickers):
    server.get(f"{API}/v2/reference/news", json=ok(ARTICLE | {"tickers": tickers}))
    assert ids(read(connect(News)).rows) == ["a1"]


@pytest.mark.parametrize(
    ("since", "lookback_days", "asked"),
    [
        ("2024-03-10T14:05:00Z", 3, "2024-03-05T14:05:00Z"),
        ("2024-03-10T14:05:00Z", 0, "2024-03-10T14:05:00Z"),
        ("2024-03-01T00:00:00Z", 3, "2024-02-25T00:00:00Z"),
        ("2024-01-03T14:05:00Z", 3, "2024-01-02T00:00:00Z"),  # no further back than the start
    ],
)
def test_a_later_sync_begins_some_days_before_the_newest_article(server, connect, read, since, lookback_days, asked):
    Newspaper(server)
    stream = connect(News, start_date="2024-01-02", lookback_days=lookback_days)
    read(stream, {"read": {"AAPL": ["2024-01-02", since]}})
    assert queries(server)[0]["published_utc.gte"] == asked


def test_news_whose_pages_are_not_in_order_are_read_from_the_start_again(server, connect, read):
    later, earlier = ok(article("b", "2024-02-03T10:00:00Z", "AAPL")), ok(article("a", "2024-02-02T10:00:00Z", "AAPL"))
    server.get(re.compile(f"{API}/v2/reference/news.*MSFT"), json=ok())
    server.get(re.compile(f"{API}/v2/reference/news.*cursor"), json=earlier)
    server.get(f"{API}/v2/reference/news", json=later | {"next_url": f"{API}/v2/reference/news?cursor=1"})
    reading = read(connect(News, tickers=["AAPL", "MSFT"]))
    assert (reading.failed, reading.state["read"]) == (["AAPL"], {})


def test_no_news_leave_the_state_as_it_is(server, connect, read):
    Newspaper(server)
    saved = {"read": {"AAPL": ["2022-01-03T00:00:00Z", "2024-03-10T14:05:00Z"]}}
    assert read(connect(News), saved).state == saved


def test_the_cursor_of_the_news_does_not_go_back(server, connect, read):
    Newspaper(server, article("late", "2024-03-09T00:00:00Z", "AAPL"))
    saved = {"read": {"AAPL": ["2022-01-03T00:00:00Z", "2024-03-10T14:05:00Z"]}}
    assert read(connect(News), saved).state == saved


def test_news_of_today_do_not_stop_asking(server, connect, read):
    Newspaper(server, article("a", "2024-03-15T09:00:00Z", "AAPL"), article("b", "2024-03-15T10:00:00Z", "AAPL"))
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-15T09:00:00Z"]}}
    assert "b" in ids(read(connect(News, lookback_days=0), saved).rows)


def test_an_article_on_the_edge_of_the_window_comes_once(server, connect, read):
    Newspaper(server, article("a", "2024-03-05T00:00:00Z", "AAPL", "MSFT"))
    saved = {"read": {ticker: ["2022-01-03", "2024-03-05T00:00:00Z"] for ticker in ("AAPL", "MSFT")}}
    assert ids(read(connect(News, tickers=["AAPL", "MSFT"], lookback_days=0), saved).rows) == ["a"]


def test_a_cursor_of_news_far_in_the_future_asks_for_nothing(server, connect, read):
    saved = {"read": {"AAPL": ["2022-01-03T00:00:00Z", "2999-12-31T00:00:00Z"]}}
    assert read(connect(News), saved).state == saved
    assert len(server.calls) == 0


def test_a_new_ticker_has_its_news_from_the_start_and_a_removed_one_leaves_the_state(connect):
    covered = ["2022-01-03T00:00:00Z", "2024-03-10T14:05:00Z"]
    resumed = connect(News, tickers=["NVDA", "AAPL"]).resume({"read": {"AAPL": covered, "MSFT": covered}})
    assert resumed["read"] == {"AAPL": covered}


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_from_every_checkpoint_on_no_article_is_lost(server, connect, read, page):
    articles = [
        article(str(n), f"2024-03-0{n + 1}T00:00:00Z", *(["AAPL", "MSFT"][n % 3 :] or ["ZZZ"])) for n in range(8)
    ]
    articles = [a for a in articles if a["tickers"] != ["ZZZ"]]
    Newspaper(server, *articles, page=page)
    config = {"tickers": ["AAPL", "MSFT"], "lookback_days": 0}
    whole = read(connect(News, **config))
    for written, state in whole.checkpoints:
        assert {*ids(whole.rows[:written]), *ids(read(connect(News, **config), state).rows)} == set(ids(articles))


def test_an_article_under_a_ticker_that_failed_comes_the_next_time(server, connect, read):
    paper = Newspaper(server, article("a", "2024-03-01T00:00:00Z", "AAPL", "MSFT"), down="AAPL")
    first = read(connect(News, tickers=["AAPL", "MSFT"]))
    paper.down = ""
    second = read(connect(News, tickers=["AAPL", "MSFT"]), first.state)
    assert ids(first.rows + second.rows) == ["a"]


def test_a_late_article_that_only_the_second_tickers_window_reaches_is_not_lost(server, connect, read):
    Newspaper(server, article("late", "2024-03-02T00:00:00Z", "AAPL", "MSFT"))
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-10T00:00:00Z"], "MSFT": ["2022-01-03", "2024-03-03T00:00:00Z"]}}
    assert ids(read(connect(News, tickers=["AAPL", "MSFT"]), saved).rows) == ["late"]


def test_an_earlier_start_date_reads_the_older_articles_too(server, connect, read):
    old, new = article("old", "2024-01-15T00:00:00Z", "AAPL"), article("new", "2024-03-01T00:00:00Z", "AAPL")
    Newspaper(server, old, new)
    first = read(connect(News, start_date="2024-02-01"))
    second = read(connect(News, start_date="2024-01-02"), first.state)
    assert "old" in ids(second.rows)


def test_an_earlier_start_date_is_not_forgotten_after_a_later_one(server, connect, read):
    Newspaper(server, article("a", "2024-02-15T00:00:00Z", "AAPL"), article("b", "2024-03-10T00:00:00Z", "AAPL"))
    state = {}
    for start_date in ("2024-01-02", "2024-03-01", "2024-01-02"):
        reading = read(connect(News, start_date=start_date, lookback_days=0), state)
        state = reading.state
    assert ids(reading.rows) == ["b"]


def test_a_new_ticker_after_a_later_start_date_has_its_older_articles_once_the_date_is_moved_back(
    server, connect, read
):
    Newspaper(server, article("old", "2024-02-15T00:00:00Z", "MSFT", "AAPL"))
    state = {}
    for tickers, start_date in ((["AAPL"], "2024-03-01"), (["AAPL", "MSFT"], "2024-02-01")):
        reading = read(connect(News, tickers=tickers, start_date=start_date), state)
        state = reading.state
    assert ids(reading.rows) == ["old"]


DAMAGED = [None, [], "x", {"AAPL": None}, {"AAPL": 5}, {"AAPL": "2024-03-01T00:00:00Z"}, {"AAPL": ["2024-01-02"]}]


@pytest.mark.parametrize(
    "read_until",
    [
        *DAMAGED,
        {"AAPL": ["2024-01-02", "yesterday"]},
        {"AAPL": ["soon", "2024-03-01T00:00:00Z"]},
        {"AAPL": [1, 2]},
        {"AAPL": ["2024-01-02", {}]},
    ],
)
def test_a_damaged_state_of_news_is_reported(connect, read, server, read_until):
    Newspaper(server)
    with pytest.raises(ConfigError, match="state: the saved state of news has an unexpected format"):
        read(connect(News), {"read": read_until})


def test_an_article_dated_in_the_future_does_not_stop_the_news(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T00:00:00Z", "AAPL"), article("b", "2025-03-01T00:00:00Z", "AAPL"))
    state = read(connect(News)).state
    assert state["read"]["AAPL"][1] == "2024-03-01T00:00:00Z"


def test_an_article_with_an_invalid_moment_is_refused(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T14:05:00", "AAPL"))
    assert read(connect(News)).failed == ["AAPL"]


def test_half_an_emoji_in_a_title_costs_neither_its_article_nor_the_others(server, connect, read):
    Newspaper(
        server,
        article("a", "2024-03-01T00:00:00Z", "AAPL") | {"title": "To the moon \ud83d"},
        article("b", "2024-03-02T00:00:00Z", "AAPL"),
    )
    assert [row["title"] for row in read(connect(News)).rows] == ["To the moon ?", ARTICLE["title"]]


def test_a_moment_in_another_spelling_moves_the_cursor(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T23:00:00.5-05:00", "AAPL"))
    assert read(connect(News)).state["read"]["AAPL"][1] == "2024-03-02T04:00:00Z"


def test_a_state_from_an_older_version_is_resumed(server, connect, read):
    Newspaper(server)
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-10T14:05:00Z"]}}
    assert read(connect(News), saved).state == {"read": {"AAPL": ["2022-01-03T00:00:00Z", "2024-03-10T14:05:00Z"]}}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("about", [["AAPL", "MSFT", 5], "AAPL,MSFT", None])
def test_an_article_that_does_not_say_what_it_is_about_comes_once(server, connect, read, about, workers):
    odd = {**article("odd", "2024-02-01T10:00:00Z"), "tickers": about}
    server.get(f"{API}/v2/reference/news", json=ok(odd))
    assert ids(read(connect(News, tickers=["AAPL", "MSFT"]), workers=workers).rows) == ["odd"]


def test_a_full_refresh_that_resumes_writes_what_is_new_and_of_each_article_one(server, connect, read):
    shared = article("shared", "2024-02-01T10:00:00Z", "AAPL", "MSFT")
    paper = Newspaper(server, shared, article("m", "2024-02-01T10:00:00Z", "MSFT"), down="AAPL")
    first = read(connect(News, tickers=["AAPL", "MSFT"]), full_refresh=True)
    assert (ids(first.rows), first.failed) == (["m"], ["AAPL"])
    paper.down = ""
    paper.articles.append(article("new", "2024-02-02T10:00:00Z", "MSFT"))
    second = read(connect(News, tickers=["AAPL", "MSFT"]), first.state, full_refresh=True)
    assert ids(second.rows) == ["shared"]  # what is new about a ticker that is written comes with the next sync
