"""Runs the connector from a checkout: python main.py spec | check | discover | read."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - an older Python should show a sentence, not a traceback
    sys.exit("The connector needs Python 3.10 or newer.")

try:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the connector handles Ctrl-C, it ends without a traceback
    from source_stock_ticker import main
except KeyboardInterrupt:  # during the import of `signal`
    sys.exit(130)
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is not installed for this Python: activate the environment, or install it with pip.")

if __name__ == "__main__":
    sys.exit(main())
