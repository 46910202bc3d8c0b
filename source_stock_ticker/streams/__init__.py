"""The tables, each a pattern that you can copy.

table.py           what all share: one request and its pages
reference.py       Exchanges (one response), MarketHolidays (a bare list), Tickers (a filter's values),
                   TickerDetails (one request per parent)
announcements.py   Dividends, Splits: rows that are corrected and withdrawn; what has changed is sent again
news.py            News: a cursor of date and time; one row that belongs to several parents
prices/            StockPrices: as few requests as can be, and prices that stay right
"""
