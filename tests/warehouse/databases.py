"""A lake on SQLite, and on PostgreSQL too where a test says so: most of upkeep is the same SQL."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.settings import Settings
from warehouse.lake import Lake

on_both = pytest.mark.parametrize("lake", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(name="lake")
def sqlite_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake."""
    with ExitStack() as stack:
        url = ""
        if getattr(request, "param", "sqlite") == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql").fresh_database())
        else:
            (tmp_path / "home").mkdir()
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "home")
        opened = Lake.open(Settings.load(home=tmp_path / "home", catalog=url, settle_seconds=0.05))
        yield opened
        opened.catalog.engine.dispose()
