"""A home that tests of commands share; those that change it take a copy."""

from pathlib import Path

import pytest

from tests.pitwall import homes


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return homes.make(tmp_path_factory.mktemp("made") / "home")
