"""Defines the tables, each a pattern that you can copy.

table.py           what all tables share: one request and its pages
reference.py       Exchanges (one response), MarketHolidays (a bare list), Tickers (values of a filter),
                   TickerDetails (one request per parent)
announcements.py   Dividends, Splits: rows that are corrected and withdrawn; changed rows are sent again
news.py            News: a date-time cursor; one row that belongs to several parents
prices/            StockPrices: as few requests as possible, and prices that stay right
"""
