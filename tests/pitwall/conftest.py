"""A home in which our own cars have driven, made once."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall.cli import app as commands


@pytest.fixture(scope="session")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three versions, two of which collected, and their evaluations."""
    home: Path = tmp_path_factory.mktemp("analyse") / "home"
    small = ["--steps", "256", "--agents", "4", "--set", "hidden=[8]", "--set", "epochs=1"]
    done = CliRunner().invoke(
        commands, ["--home", str(home), "loop", "--iterations", "2", "--evaluate-every", "1", *small]
    )
    assert done.exit_code == 0, done.output
    return home
