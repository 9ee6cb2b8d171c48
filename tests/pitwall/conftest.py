"""Homes that tests of commands share; those that change one take a copy."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall.cli import app as commands
from tests.pitwall import homes


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return homes.make(tmp_path_factory.mktemp("made") / "home")


@pytest.fixture(scope="session")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In which our own cars have driven: three versions, two of which collected, and their evaluations."""
    home: Path = tmp_path_factory.mktemp("analyse") / "home"
    small = ["--steps", "256", "--agents", "4", "--set", "hidden=[8]", "--set", "epochs=1"]
    done = CliRunner().invoke(
        commands, ["--home", str(home), "loop", "--iterations", "2", "--evaluate-every", "1", *small]
    )
    assert done.exit_code == 0, done.output
    return home
