"""Files that each bring names of their own do not make a lake broader without end."""

from itertools import islice, permutations
from pathlib import Path

from tests.warehouse.databases import on_both, sqlite_lake
from tests.warehouse.rollouts import experience, name, sql, under, write, write_json
from warehouse.breadth import LAYOUTS
from warehouse.ingest import ingest
from warehouse.lake import Lake

lake_fixture = sqlite_lake


def named(folder: Path, index: int, names: list[str], **fields: object) -> Path:
    """A rollout of one observation per name; the engine's three actions."""
    rows = [experience(10 * index + step, width=len(names), **fields) for step in range(2)]
    return write_json(folder / name(index), {"experiences": rows, "observation_names": names, "run_id": "r"})


@on_both
def test_a_file_with_more_names_than_the_lake_takes_is_rejected_and_comes_in_once_more_are_allowed(
    lake: Lake, tmp_path: Path
) -> None:
    """Three actions, two observations and a term are six columns."""
    small = under(lake, max_columns=8)
    named(tmp_path / "in", 0, ["a", "b"], reward_terms={"x": 1.0})
    named(tmp_path / "in", 1, ["A", "c"])
    named(tmp_path / "in", 2, ["d", "e"])
    named(tmp_path / "in", 3, ["b", "a"])
    came = ingest(small, [tmp_path / "in"])
    assert [Path(path).name for path in came.accepted] == [name(0), name(1), name(3)]
    (reason,) = came.rejected_files.values()
    assert reason.startswith("it brings 2 columns that the lake does not have ('obs_d', 'obs_e'), which would make 9")
    assert ingest(small, [tmp_path / "in"]).known_rejects == [str(tmp_path / "in" / name(2))]
    named(tmp_path / "in", 4, ["f", "g"])
    assert len(ingest(small, [tmp_path / "in"]).rejected_files) == 1, "the lake counts, not the batch"
    raised = ingest(under(lake, max_columns=12), [tmp_path / "in"], retry_rejected=True)
    assert len(raised.accepted) == 2 and sql(lake, "select count(*) from rejects where resolved_by is null") == [(0,)]


def test_a_file_whose_set_of_columns_is_one_too_many_is_rejected(lake: Lake, tmp_path: Path) -> None:
    """Names that are known, in ever another order or choice, are branches of every query too."""
    small = under(lake, max_columns=10)
    for index, names in enumerate(islice(permutations("abcdefg"), LAYOUTS + 2)):
        named(tmp_path / "in", index, list(names))
    came = ingest(small, [tmp_path / "in"])
    assert len(came.accepted) == LAYOUTS and len(came.rejected_files) == 2
    assert all("its columns are set 65 of the lake" in reason for reason in came.rejected_files.values())
    assert sql(lake, "select count(*) from experiences") == [(2 * LAYOUTS,)]


def test_what_the_engine_writes_is_far_from_the_limit(lake: Lake, tmp_path: Path) -> None:
    write(tmp_path / "in", 0)
    assert len(ingest(under(lake, max_columns=18), [tmp_path / "in"]).accepted) == 1
