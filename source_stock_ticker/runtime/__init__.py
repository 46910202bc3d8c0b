"""Implements the Airbyte protocol for any source; it knows nothing about the connector above it.

Five files explain it: stream.py and source.py (what a connector supplies), errors.py (how it fails), entrypoint.py
(the commands) and reader.py (the sync; with it slices.py, encoded_page.py and checkpoints.py). Ready-made parts for
connectors: cursors.py (where a stream resumes), parents.py (the slices of child streams), and http/. The folders:

    protocol/    what Airbyte's lines and files look like
    http/        how to call an API: requests, credentials, pages, what a response means
    process/     how a process behaves: stdout, secrets, logs, progress, threads, signals, memory
"""
