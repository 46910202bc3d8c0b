"""Lists real-world responses of the API, one for each stream other than the prices."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

API = "https://api.massive.com"

DIVIDEND = {
    "id": "E1d",
    "ticker": "AAPL",
    "ex_dividend_date": "2024-02-09",
    "declaration_date": "2024-02-01",
    "record_date": "2024-02-12",
    "pay_date": "2024-02-15",
    "cash_amount": 0.24,
    "split_adjusted_cash_amount": 0.24,
    "currency": "USD",
    "frequency": 4,
    "distribution_type": "recurring",
    "historical_adjustment_factor": 0.998712,
}
SPLIT = {
    "id": "E1s",
    "ticker": "AAPL",
    "execution_date": "2024-02-05",
    "split_from": 1,
    "split_to": 4,
    "adjustment_type": "forward_split",
    "historical_adjustment_factor": 0.25,
}
ARTICLE = {
    "id": "a1",
    "published_utc": "2024-03-01T14:05:00Z",
    "title": "Prices rise",
    "author": "A. Writer",
    "article_url": "https://news.example/1",
    "amp_url": "https://news.example/amp/1",
    "image_url": "https://news.example/1.png",
    "description": "They do.",
    "publisher": {
        "name": "News",
        "homepage_url": "https://news.example/",
        "logo_url": "https://news.example/logo.svg",
        "favicon_url": "https://news.example/favicon.ico",
    },
    "tickers": ["AAPL"],
    "keywords": ["prices"],
    "insights": [{"ticker": "AAPL", "sentiment": "positive", "sentiment_reasoning": "They rise."}],
}
TICKER = {
    "ticker": "AAPL",
    "name": "Apple Inc.",
    "market": "stocks",
    "locale": "us",
    "primary_exchange": "XNAS",
    "type": "CS",
    "active": True,
    "currency_name": "usd",
    "cik": "0000320193",
    "composite_figi": "BBG000000001",
    "share_class_figi": "BBG000000002",
    "last_updated_utc": "2024-03-14T00:00:00Z",
}
DETAILS = {key: value for key, value in TICKER.items() if key != "last_updated_utc"} | {
    "market_cap": 2771126040150,
    "phone_number": "(555) 555-0100",
    "address": {"address1": "1 Road", "city": "Town", "state": "CA", "postal_code": "95014"},
    "description": "Makes telephones.",
    "sic_code": "3571",
    "sic_description": "ELECTRONIC COMPUTERS",
    "ticker_root": "AAPL",
    "homepage_url": "https://phones.example",
    "total_employees": 154000,
    "list_date": "1980-12-12",
    "branding": {"logo_url": f"{API}/v1/logo.svg", "icon_url": f"{API}/v1/icon.png"},
    "share_class_shares_outstanding": 16406400000,
    "weighted_shares_outstanding": 16334371000,
    "round_lot": 100,
}
EXCHANGES = [
    {
        "id": 1,
        "type": "exchange",
        "asset_class": "stocks",
        "locale": "us",
        "name": "NYSE American, LLC",
        "acronym": "AMEX",
        "mic": "XASE",
        "operating_mic": "XNYS",
        "participant_id": "A",
        "url": "https://exchange.example",
    },
    {"id": 4, "type": "TRF", "asset_class": "stocks", "locale": "us", "name": "FINRA NYSE TRF", "mic": "FINY"},
    {"id": 4, "type": "TRF", "asset_class": "stocks", "locale": "us", "name": "FINRA Nasdaq TRF Carteret"},
    {"id": 5, "type": "SIP", "asset_class": "stocks", "locale": "us", "name": "Unlisted Trading Privileges"},
]
HOLIDAYS = [
    {"exchange": "NYSE", "name": "Thanksgiving", "date": "2024-11-28", "status": "closed"},
    {
        "exchange": "NYSE",
        "name": "Thanksgiving",
        "date": "2024-11-29",
        "status": "early-close",
        "open": "2024-11-29T14:30:00.000Z",
        "close": "2024-11-29T18:00:00.000Z",
    },
]


def ok(*rows: dict) -> dict[str, Any]:
    return {"status": "OK", "request_id": "1", "count": len(rows), "results": list(rows)}


def queries(server) -> list[dict[str, str]]:
    return [dict(parse_qsl(urlsplit(call.request.url).query)) for call in server.calls]


def from_the_api(rows: list[dict]) -> list[dict]:
    """The rows without the one field that is ours."""
    return [{field: value for field, value in row.items() if field != "read_at"} for row in rows]
