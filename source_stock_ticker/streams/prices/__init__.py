"""Reads stock_prices: as few requests as possible, and prices that stay right.

stream.py     what to read, and how a response becomes a page of rows
slices.py     the slices
plan.py       the fewest requests
splits.py     which splits make old rows wrong
coverage.py   what has been read: the state
bars.py       how a bar becomes a row
"""
