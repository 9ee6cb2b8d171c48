"""Whether a home and its catalog hold a lake, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

import pitwall
from schemas.errors import NotRegistered
from schemas.settings import Settings
from warehouse.home_check import check_home
from warehouse.lake import Lake


def test_a_catalog_is_asked_and_nothing_is_made(catalog_url: str, tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "lake", catalog=catalog_url.replace("home/", "lake/"))
    with pytest.raises(NotRegistered, match="lake holds no lake"):
        check_home(settings)
    assert not (tmp_path / "lake").exists()
    (tmp_path / "lake").mkdir()
    if catalog_url.startswith("postgresql"):  # each test's database has the tables already
        engine = sa.create_engine(catalog_url)
        with engine.begin() as connection:
            connection.execute(sa.text("drop schema public cascade"))
            connection.execute(sa.text("create schema public"))
        engine.dispose()
    with pytest.raises(NotRegistered, match=r"lake holds no lake in the catalog (sqlite|postgresql)"):
        check_home(settings)
    Lake.open(settings).catalog.engine.dispose()
    check_home(settings)


def test_python_opens_no_lake_that_is_not_there_unless_it_is_asked_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotRegistered, match="nowhere holds no lake"):
        pitwall.open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    with pitwall.open(tmp_path / "new", create=True) as pit:
        assert pit.sql("from rollouts").height == 0
