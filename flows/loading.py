"""PyTorch, which takes seconds to load: where it is not there yet, a line says what is waited for.

Arrives: a reporter. Leaves: `torch`, imported.
"""

import sys

from flows.reporter import Reporter


def load_torch(report: Reporter) -> None:
    """Import it before the first policy is computed; silent where that was done."""
    if "torch" not in sys.modules:
        report.say("loading PyTorch")
        import torch  # noqa: F401 - for those who use it next
