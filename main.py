"""Runs the connector from a checkout: python main.py spec | check | discover | read."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - with an older one people should see a sentence and not a traceback
    sys.exit("The connector needs Python 3.10 or newer.")

try:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before the connector listens for it ends without a traceback
    from source_stock_ticker import main
except KeyboardInterrupt:  # while even `signal` was being imported
    sys.exit(130)
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is not installed for this Python: activate the environment, or pip install it.")

if __name__ == "__main__":
    sys.exit(main())
