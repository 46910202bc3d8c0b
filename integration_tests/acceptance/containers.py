"""Runs docker for the tests of the image, and says how a container is locked in."""

from __future__ import annotations

import subprocess

LOCKED_IN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
