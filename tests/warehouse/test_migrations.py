"""Catalogs of earlier releases, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from schemas.errors import SettingsRejected
from schemas.settings import Settings
from tests.warehouse.drafts import draft, files
from warehouse import tables
from warehouse.catalog import REVISION, Catalog, _engine
from warehouse.lake import Lake
from warehouse.paths import Paths
from warehouse.registry import get, publish, read_file


def catalog_at(url: str, revision: str) -> Catalog:
    """The catalog as a release of that revision left it."""
    catalog = Catalog(_engine(sa.make_url(url)))
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "migrations"))
    with catalog.begin() as connection:
        if catalog.engine.dialect.name == "postgresql":  # the fixture's database has every table already
            connection.execute(sa.text("drop schema public cascade"))
            connection.execute(sa.text("create schema public"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return catalog


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_catalog_of_an_earlier_release_opens_with_everything_that_was_in_it(
    catalog_url: str, tmp_path: Path, revision: str
) -> None:
    settings = Settings.load(home=tmp_path / "home", catalog=catalog_url)
    before = Lake(settings, Paths(settings.home.absolute()), catalog_at(catalog_url, revision))
    assert sa.inspect(before.catalog.engine).has_table("evaluations") == (revision > "0001")
    assert not sa.inspect(before.catalog.engine).has_table("rewards")
    assert not sa.inspect(before.catalog.engine).has_table("training_rows")
    publish(before, draft("a", metrics={"kl": 0.5}), files)
    known = get(before, "champion")
    before.catalog.engine.dispose()
    lake = Lake.open(settings)
    try:
        assert get(lake, "champion") == known
        assert read_file(lake, 1, "policy.onnx") == b"onnx"
        assert publish(lake, draft("b", parent=1), files).version == 2
        assert set(tables.metadata.tables) < set(sa.inspect(lake.catalog.engine).get_table_names())
        with lake.catalog.read() as connection:
            assert connection.scalar(sa.text("select version_num from alembic_version")) == REVISION
    finally:
        lake.catalog.engine.dispose()


def test_a_catalog_of_a_later_release_is_left_alone_and_said_so(catalog_url: str) -> None:
    catalog = Catalog.open(catalog_url)
    with catalog.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    catalog.engine.dispose()
    with pytest.raises(SettingsRejected, match=r"is at revision 9999, .* a later one made it\. Update pitwall"):
        Catalog.open(catalog_url)
