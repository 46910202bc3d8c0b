"""The Airbyte protocol for any source; it knows nothing of the connector above it.

Read five files, and you know what it does: stream.py and source.py (what a connector supplies),
errors.py (how it fails), entrypoint.py (the commands), reader.py (the sync; with it encoded_page.py
and checkpoints.py). The rooms behind them:

    protocol/    what Airbyte's lines and files look like
    http/        how an API is asked
    process/     how a process behaves: stdout, secrets, logs, progress, threads, signals, memory
"""
