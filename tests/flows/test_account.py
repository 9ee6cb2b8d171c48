"""From file to gradient: every row of a version's files is counted once, whatever happened on the way."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.errors import TrainingStopped, WindowEmpty
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import change, collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import tables as t
from warehouse.account import account
from warehouse.lake import Lake
from warehouse.questions import ask
from warehouse.sightings import sightings

pytestmark = leaves_files_open
QUICK = {"epochs": 1, "device": "cpu"}
DRIVERS = [driver(1), driver(2)]
STRANGER = driver(3)

row = st.integers(0, 23)
rollout = st.fixed_dictionaries(
    {
        "rows": st.integers(4, 24),
        "agents": st.integers(1, 3),
        "ends": st.lists(row, max_size=3),
        "bad": st.sets(row, max_size=3),
        "limits": st.sets(row, max_size=2),
        "missing": st.sampled_from([False, False, False, True]),
    }
)
session = st.tuples(st.sampled_from([*DRIVERS, *DRIVERS, STRANGER]), st.lists(rollout, min_size=1, max_size=3))


def fill(lake: Lake, folder: Path, sessions: list) -> dict[str, dict[int, bool]]:
    """Drive and ingest; returns of every file which rows are good, by its path as the lake knows it."""
    told = {}
    for number, (who, rollouts) in enumerate(sessions):
        for index, one in enumerate(rollouts):
            if one["missing"]:
                continue
            path = collect(
                who, folder / f"s{number}", index, one["rows"], agents=one["agents"], seed=number, ends=one["ends"]
            )
            rows = range(one["rows"])
            bad = one["bad"] & set(rows)
            limits = {at: {"truncated": True} for at in one["limits"] & set(rows) - set(one["ends"])}
            change(path, limits | {at: {"reward": None} for at in bad})
            told[path.as_posix()] = {at: at not in bad for at in rows}
    if told:
        bring_in(lake, [folder], Reporter())
    return told


@settings(max_examples=int(os.environ.get("PITWALL_EXAMPLES", "8")))
@given(st.lists(session, min_size=1, max_size=3), st.booleans(), st.sampled_from([None, 1, 3]))
def test_counts_add_up_for_any_lake(sessions, shut, newest):
    with TemporaryDirectory() as folder:
        lake = Lake.open(Settings.load(home=Path(folder) / "home", settle_seconds=0.01))
        try:
            for number, one in enumerate(DRIVERS):
                import_policy(lake, one.raw, f"{number}.json")
            files = fill(lake, Path(folder) / "in", sessions)
            config = TrainConfig(**QUICK, **({"max_behaviour_kl": 1e-3} if shut else {}))
            try:
                trained = train(lake, Window(newest=newest), config, Reporter(), parent=1)
            except (WindowEmpty, TrainingStopped) as error:
                event(type(error).__name__)
                return
            event("gated" if account(lake, "latest").gated else "trained")
            check(lake, trained, files)
        finally:
            lake.catalog.engine.dispose()


def check(lake, trained, files):
    version = trained.published.version
    told = account(lake, version)
    assert told.wrong == [] and told.recorded
    with lake.catalog.read() as connection:
        paths = dict(connection.execute(sa.select(t.rollouts.c.rollout_id, t.rollouts.c.file_path)).tuples().all())
    members = {member.rollout_id for member in trained.window.rollouts}
    wanted = {(member, at): good for member in members for at, good in files[paths[member]].items()}
    rows = ask(lake, "model-rows", version=str(version)).to_pylist()
    inside = {(each["rollout_id"], each["row_index"]): each["role"] for each in rows if each["in_window"]}
    assert len(inside) == sum(each["in_window"] for each in rows)
    assert inside.keys() == wanted.keys()
    assert {key for key, role in inside.items() if role == "rejected"} == {
        key for key, good in wanted.items() if not good
    }
    roles = list(inside.values())
    assert told.in_files == len(wanted) and sum(told.rejected.values()) == roles.count("rejected")
    assert told.trained == told.in_gradient == roles.count("trained") == trained.metrics["rows_trained"]
    for name in ("gated", "bootstrap", "left_out"):
        assert sum(getattr(told, name).values()) == roles.count(name)
    left = {source["version"] for source in trained.metrics["sources"] if source["left_out"]}
    assert sum(told.gated.values()) == sum(s["rows"] for s in trained.metrics["sources"] if s["version"] in left)
    assert told.after_window == len(rows) - len(inside)


@pytest.fixture
def taught(lake, tmp_path):
    """Versions 1 and 2 drove; 3 was trained on both with 2 gated, 4 on the newest rollout, 5 from 4 on a new one."""
    for number, one in enumerate(DRIVERS):
        import_policy(lake, one.raw, f"{number}.json")
    collect(DRIVERS[0], tmp_path / "in" / "a", 0, 20)
    change(collect(DRIVERS[0], tmp_path / "in" / "a", 1, 20), {4: {"reward": None}, 9: {"truncated": True}})
    collect(DRIVERS[1], tmp_path / "in" / "b", 2, 12)
    bring_in(lake, [tmp_path / "in"], Reporter())
    config = TrainConfig(**QUICK, max_behaviour_kl=1e-3)
    train(lake, Window(), config, Reporter(), parent=1)
    train(lake, Window(run="a", newest=1), config, Reporter(), parent=3)
    collect(DRIVERS[0], tmp_path / "in" / "a", 3, 20)
    bring_in(lake, [tmp_path / "in"], Reporter())
    train(lake, Window(run="a", newest=1), config.model_copy(update={"max_behaviour_kl": None}), Reporter(), parent=4)
    return lake


def test_the_account_names_what_fell_out_and_why(taught):
    told = account(taught, 3)
    assert told.wrong == []
    assert (told.files, told.in_files, told.in_lake, told.in_window) == (3, 52, 51, 51)
    assert list(told.rejected) == ["experiences[#].reward: Expected float, got null"]
    assert told.bootstrap == {"row_lost": 1, "time_limit": 1, "nothing_follows": 2}
    assert told.left_out == {"bootstrap_of_gated": 2}
    ((reason, rows),) = told.gated.items()
    assert reason.startswith("version 2: ") and rows == 10
    assert told.trained == 51 - 4 - 2 - 10 == told.in_gradient
    assert json.loads(json.dumps(told.as_json()))["version"] == 3
    imported = account(taught, 1)
    assert imported.window_id is None and imported.in_files == 0 and imported.wrong == []


def test_a_row_is_followed_to_the_versions_that_saw_it_and_to_those_that_inherited_it(taught):
    def seen(**asked):
        rows = sightings(taught, **asked).versions.to_pylist()
        return [(each["version"], each["through"], each["generations"], each["role"], each["rows"]) for each in rows]

    first, second, gated = (f"rollout_{index}_20241225_14{index:02d}00.json" for index in (0, 1, 2))
    assert seen(rollout=first, row=0) == [
        (3, None, 0, "trained", 1),
        (4, 3, 1, "inherited", 1),
        (5, 3, 2, "inherited", 1),
    ]
    assert seen(rollout=second, row=9) == [
        (3, None, 0, "bootstrap", 1),
        (4, None, 0, "bootstrap", 1),
        (5, 4, 1, "inherited", 1),
    ]
    assert seen(rollout=gated, row=0) == [(3, None, 0, "gated", 1)]
    assert seen(rollout=second, row=4) == []
    assert (
        "row 4 was rejected, so nobody saw it: experiences[4].reward"
        in sightings(taught, rollout=second, row=4).found[0]
    )
    assert seen(run="b") == [(3, None, 0, "gated", 10), (3, None, 0, "left_out", 2)]
    assert {role for version, _, _, role, _ in seen(rollout=first) if version == 3} == {"trained"}


def test_a_count_that_is_changed_behind_our_back_is_found(taught):
    with taught.catalog.begin() as connection:
        connection.execute(sa.delete(t.training_rows).where(t.training_rows.c.role == "bootstrap"))
        connection.execute(sa.update(t.rollouts).values(rows_in_file=t.rollouts.c.rows_in_file + 1))
        connection.execute(
            sa.update(t.metrics).where(t.metrics.c.name == "rows_in_gradient").values(value=t.metrics.c.value + 1)
        )
    told = account(taught, 3)
    assert any("19 rows in the lake and 1 rejected ones are not the 21 of the file" in wrong for wrong in told.wrong)
    assert any(wrong.endswith("rows have a role, 19 lie in the lake") for wrong in told.wrong)
    assert "rows trained on are 35, the next step has 36.0" in told.wrong


def test_a_version_of_an_earlier_release_is_counted_and_its_rows_are_called_unrecorded(taught):
    with taught.catalog.begin() as connection:
        connection.execute(sa.delete(t.training_rows))
        connection.execute(sa.delete(t.metrics).where(t.metrics.c.name == "rows_in_gradient"))
    told = account(taught, 3)
    assert told.wrong == [] and not told.recorded and told.in_gradient is None
    assert (told.trained, told.gated, told.bootstrap) == (35, {"": 10}, {"": 6})
    rows = ask(taught, "model-rows", version="3", role="unrecorded").to_pylist()
    assert len(rows) == 3 and {each["row_index"] for each in rows} == {None}
