"""PyTorch is loaded in a process of its own here: in that of the tests it is there already."""

import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import sys
from flows.loading import load_torch
from flows.reporter import Reporter

class Heard(Reporter):
    def say(self, message):
        print(message, "torch" in sys.modules)

load_torch(Heard())
print("torch" in sys.modules)
load_torch(Heard())
"""


def test_that_it_takes_seconds_is_said_before_and_once() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["loading PyTorch False", "True"]
