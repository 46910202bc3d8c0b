"""Runs the connector from a checkout: python main.py spec | check | discover | read."""

import sys

from source_stock_ticker import main

if __name__ == "__main__":
    sys.exit(main())
