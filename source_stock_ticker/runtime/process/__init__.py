"""Makes the process behave: its output and signals, its secrets and logs, its threads and memory."""
