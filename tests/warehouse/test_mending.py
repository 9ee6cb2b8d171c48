import pytest

from schemas.window import Window
from tests.warehouse.rollouts import rows, sql, write
from warehouse import rejects
from warehouse.ingest import ingest
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored


def flawed(*places, start=0):
    experiences = rows(8, start=start)
    for place in places:
        experiences[place]["reward"] = float("nan")
    return experiences


def test_a_mended_file_takes_the_place_of_the_old_one(lake, tmp_path):
    for index in range(3):
        write(tmp_path, index, flawed(3) if index == 1 else None)
    old = ingest(lake, [tmp_path])
    window = select(lake, Window())
    before = window_rows(lake, window)
    [new] = ingest(lake, [write(tmp_path, 1, flawed())]).rollouts
    ledger = sql(lake, "select rollout_id, position, rows from rollouts order by position")
    assert ledger == [(old.rollouts[0], 0, 8), (new, 1, 8), (old.rollouts[2], 2, 8)]
    assert sql(lake, "select count(*) from experiences") == [(24,)]
    assert rejects.rejects(lake) == [] and rejects.rejects(lake, resolved=True)[0].resolved_by == new
    assert stored(lake, window.window_id) == window
    assert window_rows(lake, window) == before  # what was selected stays


def test_a_file_can_be_mended_in_steps(lake, tmp_path):
    ids = [ingest(lake, [write(tmp_path, 0, flawed(*places))]).rollouts[0] for places in ((1, 3, 5), (1, 5), ())]
    assert sql(lake, "select rollout_id from rollouts") == [(ids[-1],)]
    assert {one.resolved_by for one in rejects.rejects(lake, resolved=True)} <= set(ids[1:])
    assert rejects.rejects(lake) == []


def test_what_was_superseded_stands_where_its_heir_stands(lake, tmp_path):
    write(tmp_path / "s", 1, flawed(3))
    write(tmp_path / "s", 2)
    ingest(lake, [tmp_path / "s"])
    window = select(lake, Window(newest=2))
    part = window.model_copy(update={"rollouts": window.rollouts[:1]})
    write(tmp_path / "s", 1, flawed())
    ingest(lake, [tmp_path / "s"])
    write(tmp_path / "s", 0)
    ingest(lake, [tmp_path / "s"])  # everything moves by one
    table = window_rows(lake, part).to_pylist()
    assert {row["rollout_position"] for row in table if row["in_window"]} == {1}
    after = [(row["rollout_position"], row["row_index"], row["agent_index"]) for row in table if not row["in_window"]]
    assert after == [(2, 0, 0), (2, 1, 1)]


@pytest.mark.parametrize(
    "other",
    [
        {"experiences": flawed(start=500)},  # another session
        {"experiences": flawed()[:7]},  # another length
        {"experiences": flawed(), "name": "rollout_0_20241225_140001.json"},  # another name
    ],
)
def test_another_file_does_not_supersede(lake, tmp_path, other):
    old = ingest(lake, [write(tmp_path / "s", 0, flawed(3))]).rollouts
    write(tmp_path / "s", 0, **other)
    new = ingest(lake, [tmp_path / "s"]).rollouts
    assert sorted(sql(lake, "select rollout_id from rollouts")) == sorted((one,) for one in [*old, *new])
    assert len(rejects.rejects(lake)) == 1


def test_a_mended_file_in_another_folder_does_not_supersede(lake, tmp_path):
    ingest(lake, [write(tmp_path / "s", 0, flawed(3))])
    ingest(lake, [write(tmp_path / "t", 0, flawed())])
    assert sql(lake, "select count(*) from rollouts") == [(2,)]


def test_of_two_flawed_sessions_of_one_name_the_right_one_is_mended(lake, tmp_path):
    first = ingest(lake, [write(tmp_path, 0, flawed(3))]).rollouts[0]
    second = ingest(lake, [write(tmp_path, 0, flawed(5, start=500))]).rollouts[0]
    mended = ingest(lake, [write(tmp_path, 0, flawed())]).rollouts[0]
    assert {row[0] for row in sql(lake, "select rollout_id from rollouts")} == {second, mended} != {first}
