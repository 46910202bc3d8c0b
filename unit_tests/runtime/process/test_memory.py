"""Tests the memory settings for a long read."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import gc
from source_stock_ticker.runtime.process.memory import tune_memory

usual = gc.get_threshold()[0]
tune_memory()
print(gc.isenabled(), gc.get_threshold()[0] > 10 * usual)
"""


def test_garbage_is_still_looked_for_and_seldom():
    # In a separate process: this one keeps its settings.
    run = [sys.executable, "-c", SCRIPT]
    assert subprocess.check_output(run, env={"PYTHONPATH": str(ROOT)}, encoding="utf-8") == "True True\n"
