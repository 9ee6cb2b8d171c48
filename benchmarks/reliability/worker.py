"""A process that runs one command of `pitwall`, and may kill itself at a step of its input and output.

Arrives: the command, where its output goes, the step at which it dies. Leaves: an exit code, or SIGKILL. It is forked
from a server that has imported everything already, so that its time is the command's own.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

PRELOADED = [
    *("benchmarks.reliability.worker", "pitwall.cli", "pitwall.terminal", "pitwall.train_table"),
    *("pitwall.training_config", "pitwall.verify", "flows.training", "flows.landing", "flows.importing"),
    *("flows.judging", "flows.summary", "ppo.export", "ppo.parity", "ppo.learner", "ppo.clone", "ppo.batch"),
    *("ppo.authorship", "warehouse.verify", "warehouse.model_card", "onnx", "onnxruntime", "alembic.command"),
    *("alembic.config", "sqlalchemy.dialects.sqlite.pysqlite", "pydoc", "colorsys", "rich.table", "rich.progress"),
    *("sqlite3.dbapi2", "numpy.ma", "numpy.random", "numpy.ctypeslib", "pyarrow.compute", "polars._utils.parquet"),
    *("rich._emoji_codes", "typer._adapters", "flows.publishing", "warehouse.registry"),
    *("flows.upkeep", "warehouse.backup", "warehouse.restore"),
    *("psycopg", "sqlalchemy.dialects.postgresql.psycopg"),
]
"""What a server imports before it forks."""
STEPS = {
    "files": {
        *("fsync", "replace", "rename", "mkdir", "unlink", "rmdir"),
        *("BufferedWriter.write", "BufferedWriter.flush", "BufferedWriter.close"),
    },
    "catalog": {
        *("Cursor.execute", "Cursor.executemany", "Connection.execute", "Connection.rollback", "Connection.close"),
    },
}
"""Functions in C whose call or return is a step: before it the world is as it was, after it it is not."""
_KIND = {name: kind for kind, names in STEPS.items() for name in names}


def run(words: list[str], log: Path, dies_at: tuple[str, int] | None, settings: dict[str, str]) -> None:
    """Run `pitwall` with these words and settings; with `dies_at` until so many steps of a kind are done."""
    os.environ.update(settings)
    output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    sys.argv = ["pitwall", *words]
    from pitwall.cli import main

    steps = _Steps(log.with_suffix(".steps"), dies_at)
    sys.setprofile(steps)
    try:
        main()
    finally:
        sys.setprofile(None)
        steps.tell()


class _Steps:
    """Counts steps, and kills its process at the one it is told."""

    def __init__(self, told: Path, dies_at: tuple[str, int] | None) -> None:
        self.told = os.open(told, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        self.dies_at, self.done = dies_at, dict.fromkeys(STEPS, 0)

    def __call__(self, frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401 - any builtin
        if event not in ("c_call", "c_return") or (kind := _KIND.get(function.__qualname__)) is None:
            return
        self.done[kind] += 1
        if (kind, self.done[kind]) == self.dies_at:
            moment = "before" if event == "c_call" else "after"
            os.write(self.told, f"{moment} {function.__qualname__}".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self) -> None:
        """How many there were of each kind."""
        os.write(self.told, json.dumps(self.done).encode())
