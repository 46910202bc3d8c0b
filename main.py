"""Runs the connector from a checkout: python main.py spec | check | discover | read."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - with an older one people should see a sentence and not a traceback
    sys.exit("The connector needs Python 3.10 or newer.")

from source_stock_ticker import main

if __name__ == "__main__":
    sys.exit(main())
