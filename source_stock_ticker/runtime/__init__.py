"""The Airbyte protocol for any source; it knows nothing of the connector above it.

Read five files, and you know what it does: stream.py and source.py (what a connector supplies), errors.py (how it
fails), entrypoint.py (the commands), reader.py (the sync; with it slices.py, encoded_page.py and checkpoints.py).
Ready-made pieces for a connector, to take where they fit: cursors.py (where a stream reads on), parents.py (what child
streams have slices for), and what is in http/. The rooms:

    protocol/    what Airbyte's lines and files look like
    http/        how an API is asked: requests, credentials, pages, what a response means
    process/     how a process behaves: stdout, secrets, logs, progress, threads, signals, memory
"""
