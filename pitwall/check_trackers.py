"""Whether the tools that versions are told to can be told: their packages, their places.

Arrives: settings. Leaves: a `Check` for each tool that is set; no server is asked.
"""

import importlib.util
from collections.abc import Iterator

from pitwall.check import Check, ok, problem
from schemas.secret import redacted
from schemas.settings import Settings


def trackers(settings: Settings) -> Iterator[Check]:
    """TensorBoard and MLflow, where they are set: a training goes on without them, and only notes what went wrong."""
    board = settings.tensorboard
    if board is not None:
        if lacking := _absent("tensorboard"):
            yield lacking
        elif not board.is_dir() and (board.exists() or any(above.is_file() for above in board.absolute().parents)):
            yield problem(
                "tensorboard", f"{board.absolute()} cannot be a folder: a file is there", "Set another folder"
            )
        else:
            yield ok("tensorboard", f"each trained version is written to {board.absolute()}")
    if settings.mlflow:
        yield _absent("mlflow") or ok("mlflow", f"each trained version is told to {redacted(settings.mlflow)}")


def _absent(package: str) -> Check | None:
    if importlib.util.find_spec(package) is not None:
        return None
    return problem(
        package, f"the setting is given, but {package} is not installed", f"pip install 'pitwall[{package}]'"
    )
