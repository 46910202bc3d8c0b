"""Runs the connector's four commands against the sandbox, and shows what comes out: `make demo`."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "sample_files/config_sandbox.json"
CATALOG = "sample_files/configured_catalog.json"
PORT = 8080  # the one that CONFIG names
WIDTH = {"RECORD": 400, "STATE": 400}  # characters of a line that are shown: the rows and where to resume in full ..
OTHER_WIDTH = 118  # .. and of the others the start

NEXT = f"""
That was the whole protocol: JSON lines on stdout. To run it by hand, in two terminals:
  make sandbox
  .venv/bin/python main.py read --config {CONFIG} --catalog {CATALOG}
README.md continues from here: your own key, a database, and how to resume from a STATE."""


def worth_a_look(messages: list[dict]) -> list[dict | None]:
    """Results and errors, the first three records (None: more follow), and the last state."""
    records = [m for m in messages if m["type"] == "RECORD"]
    states = [m for m in messages if m["type"] == "STATE"]
    answers = [m for m in messages if m["type"] in ("SPEC", "CONNECTION_STATUS", "CATALOG")]
    errors = [m for m in messages if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR"]
    return answers + records[:3] + [None] * (len(records) > 3) + states[-1:] + errors


def run(command: list[str], config: Path) -> bool:
    """Run one command with that config, print it as typed, with its output; True if it succeeded."""
    print("\n$ python main.py", *command, flush=True)
    real = [str(config) if word == CONFIG else word for word in command]
    done = subprocess.run(
        [sys.executable, "main.py", *real], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    for message in worth_a_look(messages):
        line = json.dumps(message, separators=(",", ":")) if message else "..."
        width = WIDTH.get(message["type"], OTHER_WIDTH) if message else OTHER_WIDTH
        print(line if len(line) <= width else line[:width] + " ...")
    counts = Counter(message["type"] for message in messages)
    print("  =", ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no output")
    # A check that reports FAILED exits with 0, because it did its work. A demo must not.
    refused = any(message.get("connectionStatus", {}).get("status") == "FAILED" for message in messages)
    return done.returncode == 0 and not refused


def main() -> int:
    config = ROOT / CONFIG
    with ExitStack() as stack:  # ends the sandbox, whatever happens
        try:
            api = stack.enter_context(SandboxApi(port=PORT))
        except OSError:
            api = stack.enter_context(SandboxApi(port=0))
            config = Path(stack.enter_context(tempfile.TemporaryDirectory()), "config.json")
            config.write_text(json.dumps(json.loads((ROOT / CONFIG).read_text()) | {"api_url": api.url}))
            print(f"Port {PORT} is taken. Below, {CONFIG} means a copy of it with a free port.")
        print(f"The sandbox at {api.url} responds like the API.")
        with_config = ["--config", CONFIG]
        commands = [["spec"], ["check", *with_config], ["discover", *with_config]]
        commands.append(["read", *with_config, "--catalog", CATALOG])
        failed = [command[0] for command in commands if not run(command, config)]
    print(f"\nThis went wrong: {', '.join(failed)}." if failed else NEXT)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)  # like a shell; no traceback for a Ctrl-C
