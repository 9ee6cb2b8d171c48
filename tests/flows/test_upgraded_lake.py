"""A lake of an earlier release is worked on by this one."""

from pathlib import Path

from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.settings import Settings
from schemas.training import engine
from schemas.window import Window
from tests.warehouse.old_lake import old_lake
from tests.warehouse.rollouts import rows, sql, write
from warehouse.compaction import compact
from warehouse.lake import Lake


def test_ingest_training_and_sql_go_on_where_the_earlier_release_stopped(catalog_url: str, tmp_path: Path) -> None:
    old_lake(tmp_path / "home", catalog_url)
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog=catalog_url, settle_seconds=0))
    try:
        known = train(lake, Window(run="session_a", newest=3), engine(), Reporter(), parent="1")
        assert any("trained like version 2" in note for note in known.notes)
        write(tmp_path / "session_b", 0, rows(32))
        assert len(bring_in(lake, [tmp_path / "session_b"], Reporter()).rollouts) == 1
        assert compact(lake).partitions == 4
        again = train(lake, Window(run="session_a", newest=3), engine(), Reporter(), parent="1")
        assert any("trained like version 2" in note for note in again.notes), "the same rows in another partition"
        trained = train(lake, Window(run="session_a"), engine(), Reporter())
        assert trained.published is not None and trained.published.version == 5
        assert trained.parent == 1 and trained.new_rollouts == 1
        assert sql(lake, "select version, count(*) from lineage group by 1 order by 1") == [
            (2, 3),
            (3, 3),
            (4, 3),
            (5, 4),
        ]
    finally:
        lake.catalog.engine.dispose()
