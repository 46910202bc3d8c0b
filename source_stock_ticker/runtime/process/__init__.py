"""Controls the process: its output and signals, its secrets and logs, its threads and memory."""
