"""What a rule drops, what it may never drop, and how the ledger explains it."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.errors import LakeDamaged, NotRegistered
from schemas.window import Window
from tests.warehouse.databases import on_both, sqlite_lake
from tests.warehouse.days import as_if_passed
from tests.warehouse.drafts import draft, files
from tests.warehouse.rollouts import sql, under
from tests.warehouse.test_compaction import one_by_one
from warehouse import attributions, lineage
from warehouse import tables as t
from warehouse.aliases import promote, rollback
from warehouse.attributions import Verdict
from warehouse.collection import collect
from warehouse.compaction import compact
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.registry import candidates, get, publish, read_file, read_manifest
from warehouse.retention import RetentionReport, retain
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

lake_fixture = sqlite_lake


def positions(lake: Lake, view: str = "rollouts") -> list[int]:
    return [row[0] for row in sql(lake, f"select position from {view} order by 1")]


def train_on(lake: Lake, *chosen: int, **changes: Any) -> str:
    """A version that was trained on the rollouts at these positions; returns its window."""
    inside = ", ".join(map(str, chosen))
    window = select(lake, Window(sql=f"select rollout_id from rollouts where position in ({inside})"))
    publish(lake, draft(f"{chosen} {changes}", window_id=window.window_id, **changes), files)
    return window.window_id


def test_without_a_rule_nothing_is_ever_dropped(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    publish(lake, draft(), files)
    as_if_passed(lake, 10_000)
    assert retain(lake) == RetentionReport()
    assert positions(lake) == [0, 1, 2]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"keep_rollouts": 2}, [2, 3]),
        ({"keep_days": 20}, []),
        ({"keep_days": 40}, [0, 1, 2, 3]),
        ({"keep_rollouts": 1, "keep_days": 20}, [3]),
    ],
)
def test_a_rule_keeps_what_it_says_and_the_account_balances(
    lake: Lake, tmp_path: Path, rules: dict[str, Any], kept: list[int]
) -> None:
    one_by_one(lake, tmp_path / "a", 4)
    as_if_passed(lake, 30)
    strict = under(lake, **rules)
    would = retain(strict, dry_run=True)
    assert positions(lake) == [0, 1, 2, 3]
    assert retain(strict) == would and would.rows == 8 * (4 - len(kept))
    assert positions(lake) == kept and positions(lake, "dropped") == [at for at in range(4) if at not in kept]
    assert sql(lake, "select count(*) from experiences") == [(8 * len(kept),)]
    assert set(sql(lake, "select rule from dropped")) <= {(would.rule,)} and retain(strict).rollouts == []
    assert len(ingest(lake, [tmp_path / "a"]).known) == 4, "its file does not come in again"
    ids = [row[0] for row in sql(lake, "select rollout_id from rollouts union all select rollout_id from dropped")]
    assert lineage.untrained(lake, ids) == len(kept)


@on_both
def test_rows_leave_the_disk_with_the_next_compaction_and_a_collection_after_the_grace(
    lake: Lake, tmp_path: Path
) -> None:
    one_by_one(lake, tmp_path / "a", 4)
    compact(lake)
    as_if_passed(lake, 30)
    retain(under(lake, keep_rollouts=1))
    report = compact(lake)
    assert (report.partitions, report.made, report.rows) == (1, 1, 8)
    as_if_passed(lake, 8)
    assert len(collect(lake).removed) == 4, "the one that is left is byte for byte the first of its four sources again"
    assert len(list(lake.paths.experiences.rglob("*.parquet"))) == 1
    assert sql(lake, "select count(*) from experiences") == [(8,)]


def test_a_partition_whose_rollouts_are_all_dropped_is_retired_at_once(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    as_if_passed(lake, 30)
    retain(under(lake, keep_days=1))
    assert compact(lake).partitions == 0
    as_if_passed(lake, 8)
    assert len(collect(lake).removed) == 2 and sql(lake, "select count(*) from experiences") == [(0,)]


@on_both
def test_members_of_a_living_window_and_the_rollouts_right_after_them_stay(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 6)
    window = train_on(lake, 1, 2)
    told = window_rows(lake, stored(lake, window))
    as_if_passed(lake, 30)
    report = retain(under(lake, keep_days=1))
    assert positions(lake) == [1, 2, 3] and report.spared == 3
    compact(lake)
    as_if_passed(lake, 8)
    collect(lake)
    assert window_rows(lake, stored(lake, window)) == told


def test_a_window_selected_lately_is_spared_though_no_version_came_of_it_yet(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 4)
    as_if_passed(lake, 30)
    select(lake, Window(newest=1))
    retain(under(lake, keep_days=1))
    assert positions(lake) == [3]


def test_nothing_younger_than_the_grace_is_dropped(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    as_if_passed(lake, 6)
    assert retain(under(lake, keep_rollouts=1, keep_days=1)).rollouts == []


def test_a_loop_that_is_not_finished_keeps_its_rollouts(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "racing.001", 2)
    one_by_one(lake, tmp_path / "a", 2)
    with lake.catalog.begin() as connection:
        row = {"loop_id": "racing", "settings": {}, "iterations": 9, "started_at": sa.func.current_timestamp()}
        connection.execute(t.loops.insert().values(**row))
    as_if_passed(lake, 30)
    retain(under(lake, keep_days=1))
    assert sql(lake, "select distinct run_id from rollouts") == [("racing.001",)]


@on_both
def test_old_versions_keep_manifest_and_card_and_release_their_rollouts(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 8)
    for number in range(4):
        window = train_on(lake, 2 * number)
    as_if_passed(lake, 30)
    strict = under(lake, keep_models=1, keep_days=1)
    assert retain(strict, dry_run=True).versions == [3, 2], "version 1 is champion, 4 the newest"
    report = retain(strict)
    assert report.versions == [3, 2] and positions(lake) == [0, 1, 6, 7]
    assert read_manifest(lake, 2).version == 2 and get(lake, 2).dropped_by == "keep_models = 1"
    assert [candidate.version for candidate in candidates(lake)] == [4, 1]
    with pytest.raises(NotRegistered, match=r"version 2 was dropped by retention on .* \(keep_models = 1\)"):
        read_file(lake, 2, "policy.onnx")
    with pytest.raises(NotRegistered, match="cannot be driven any more"):
        promote(lake, "champion", 2)
    as_if_passed(lake, 8)
    collect(lake)
    assert sorted(path.name for path in lake.paths.model(2).iterdir()) == ["CARD.md", "manifest.json"]
    assert len(list(lake.paths.model(4).iterdir())) == 4 and len(window_rows(lake, stored(lake, window))) > 0


def test_a_version_that_is_needed_is_not_dropped(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    for number in range(6):
        publish(lake, draft(f"{number}"), files)
    promote(lake, "champion", 3)
    promote(lake, "spare", 2)
    ids = [row[0] for row in sql(lake, "select rollout_id from rollouts order by position")]
    attributions.store(lake, [Verdict(ids[0], 4, "author", "", 0.0, 0.0, [])], 6)
    as_if_passed(lake, 30)
    assert retain(under(lake, keep_models=1)).versions == [5]
    assert rollback(lake, "champion").to_version == 1


def test_a_window_whose_rollouts_were_dropped_says_so(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    window = select(lake, Window())
    as_if_passed(lake, 30)
    retain(under(lake, keep_days=1))
    as_if_passed(lake, 8)
    collect(lake)
    with pytest.raises(LakeDamaged, match="retention dropped rollout"):
        window_rows(lake, stored(lake, window.window_id))
