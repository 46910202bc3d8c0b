"""The stream stock_prices: as few requests as can be, and prices that stay right.

stream.py     what to read, and how a response becomes a page of rows
slices.py     the pieces it is read in
plan.py       by how few requests
splits.py     which splits make old rows wrong
coverage.py   what has been read: the state
bars.py       how a bar becomes a row
"""
