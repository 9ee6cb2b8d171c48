"""What a command does not need it does not import: a person waits for every import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import Settings
from warehouse.lake import Lake

ROOT = Path(__file__).parents[2]
HEAVY = {
    "alembic", "duckdb", "fastapi", "gymnasium", "matplotlib", "numpy", "onnx", "onnxruntime", "pandera", "plotext",
    "polars", "prefect", "prompt_toolkit", "pyarrow", "pydantic", "rich", "sqlalchemy", "torch", "urllib.request",
}  # fmt: skip
OF_QUERIES = {"duckdb", "numpy", "pyarrow", "pydantic", "rich", "sqlalchemy"}


def imported(home: Path, *arguments: str, code: int = 0) -> set[str]:
    """Every module that a call of `pitwall` has imported at its end."""
    calls = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); import pitwall.__main__"
    done = subprocess.run(
        [sys.executable, "-c", calls, *arguments],
        cwd=home,
        env=_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return set(done.stderr.split())


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PITWALL_HOME": str(home / "home")}


def test_the_help_of_pitwall_imports_nothing_that_is_heavy(tmp_path: Path) -> None:
    modules = imported(tmp_path, "--help")
    assert "typer" in modules and not modules & HEAVY


@pytest.mark.parametrize("arguments", [["train", "--help"], ["models", "--help"]])
def test_the_help_of_a_command_imports_what_reads_options_alone(tmp_path: Path, arguments: list[str]) -> None:
    modules = imported(tmp_path, *arguments)
    assert not modules & (HEAVY - {"pydantic"})  # Typer reads the options before the command with it


def test_a_query_imports_what_queries_need_alone(tmp_path: Path) -> None:
    Lake.open(Settings.load(home=tmp_path / "home")).catalog.engine.dispose()
    modules = imported(tmp_path, "sql", "select 1")
    assert modules >= {"duckdb", "pyarrow", "sqlalchemy"}
    assert not modules & (HEAVY - OF_QUERIES | {"pyarrow.compute", "pyarrow.parquet", "rich.markdown", "rich.progress"})


def test_the_status_reads_no_partition_by_another_library(tmp_path: Path) -> None:
    Lake.open(Settings.load(home=tmp_path / "home")).catalog.engine.dispose()
    assert not imported(tmp_path, "status") & (HEAVY - OF_QUERIES - {"urllib.request"})


@pytest.mark.parametrize("slip", [["--named", "pendul"], ["--set", "epoch=2"]])
def test_a_slip_in_a_name_is_said_before_a_loop_loads_anything(tmp_path: Path, slip: list[str]) -> None:
    assert not imported(tmp_path, "loop", *slip, code=2) & {"gymnasium", "torch", "sqlalchemy"}


def test_an_environment_that_cannot_be_driven_is_refused_before_pytorch_is_loaded(tmp_path: Path) -> None:
    assert "torch" not in imported(tmp_path, "loop", "--env", "CartPole-v1", code=2)
