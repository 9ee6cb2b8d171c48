"""Fixtures of all tests: lakes in temporary folders, on both databases."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from schemas.settings import Settings
from tests import postgres
from warehouse.catalog import Catalog
from warehouse.lake import Lake

# A busy machine is slow, not wrong.
hypothesis.settings.register_profile("pitwall", deadline=None)
hypothesis.settings.load_profile("pitwall")

# Commands tell Prefect's server what they did: not that of the person who tests.
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
# Where a test of flows ran before in this process, our loggers go to its runs; a plain call has none.
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"

SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ
if SIDE_BY_SIDE:
    os.environ["OMP_NUM_THREADS"] = "1"  # each has a core; torch is not imported yet, and children inherit it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first. Side by side, files with slow ones first, so that at the end nobody waits for a long one."""
    if SIDE_BY_SIDE:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
    else:
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A server whose template has the catalog's tables already."""
    with postgres.server() as running:
        running.command("create database pitwall_template")
        Catalog.open(running.url("pitwall_template")).engine.dispose()
        running.template = "pitwall_template"
        yield running


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file: most of the time that a new lake takes are the migrations."""
    home = tmp_path_factory.mktemp("template")
    Lake.open(Settings.load(home=home)).catalog.engine.dispose()
    return home / "catalog.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty catalog on each database."""
    if request.param == "sqlite":
        (tmp_path / "home").mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "home")
        yield f"sqlite:///{(tmp_path / 'home' / 'catalog.sqlite').as_posix()}"
    else:
        with request.getfixturevalue("postgresql").fresh_database() as url:
            yield url


@pytest.fixture
def lake(catalog_url: str, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake, once on each database."""
    opened = Lake.open(Settings.load(home=tmp_path / "home", catalog=catalog_url, settle_seconds=0.05))
    yield opened
    opened.catalog.engine.dispose()
