import json
import random
import re
import signal
import subprocess
import sys
import time

import gymnasium
import pytest

import flows.looping
from flows.driving import Driving, driver_of, trained_in
from flows.evaluating import evaluate
from flows.landing import bring_in
from flows.looping import loop
from flows.publishing import hand_over
from flows.reporter import Reporter
from racing import ENVIRONMENT
from schemas.errors import CatalogBusy, RolloutRejected, SettingsRejected, Transient
from schemas.loop import JUDGING, RACING, TEST, DriveConfig, EvaluateConfig, LoopConfig, pendulum
from schemas.settings import Settings
from schemas.window import Window
from tests.ppo.contract import leaves_files_open
from tests.warehouse.rollouts import sql
from warehouse import registry
from warehouse.aliases import promote
from warehouse.lake import Lake

pytestmark = leaves_files_open
UPDATE = pendulum().train.model_copy(update={"hidden": (8,), "epochs": 1, "learning_rate": 0.01})
SMALL = LoopConfig(
    drive=DriveConfig(environment="Pendulum-v1", agents=4, steps=64),
    train=UPDATE,
    evaluate=EvaluateConfig(episodes=2),
    evaluate_every=2,
    go_on_from="latest",
)


@pytest.fixture
def home(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield lake
    lake.catalog.engine.dispose()


def account(lake):
    """Rollouts, versions and who was trained on what: parent, and the versions that drove its window."""
    return sql(
        lake,
        "select m.version, m.parent, list(distinct r.policy_version), count(*) from models m "
        "join lineage l using (version) join rollouts r using (rollout_id) group by all order by m.version",
    )


def test_the_environment_has_one_name():
    assert RACING == ENVIRONMENT


def test_each_lap_drives_with_the_version_before_and_trains_it_further(home):
    laps = []
    done = loop(home, SMALL, 3, Reporter(), told=laps.append)
    assert account(home) == [(2, 1, [1], 1), (3, 2, [2], 1), (4, 3, [3], 1)]
    assert [(lap.number, lap.version, lap.goes_on) for lap in laps] == [(1, 2, 2), (2, 3, 3), (3, 4, 4)]
    assert all(lap.metrics["first_ratio_deviation"] < 1e-3 for lap in laps)
    assert [lap.evaluation is not None for lap in laps] == [False, True, True]
    assert sql(home, "select version from evaluations order by version") == [(1,), (3,), (4,)]
    assert done.evaluation is not None and done.champion == registry.get(home, "champion").version
    assert sql(home, "select count(*), count(distinct run_id) from rollouts") == [(3, 1)]


def test_the_learning_rate_falls_to_zero_over_the_laps(home):
    loop(home, SMALL.model_copy(update={"anneal": True, "evaluate_every": 0}), 4, Reporter())
    rates = [model.config["learning_rate"] for model in registry.versions(home)[1:]]
    assert rates == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_experiences_may_be_some_laps_old(home):
    loop(home, SMALL.model_copy(update={"lag": 2, "evaluate_every": 0}), 5, Reporter())
    drivers = [(parent, drove) for _, parent, drove, _ in account(home)]
    assert drivers == [(1, [1]), (2, [1]), (3, [1]), (4, [2]), (5, [3])]


@pytest.mark.parametrize("recompute", [True, False])
def test_rows_of_old_versions_whose_recorded_values_count_are_told_of(home, recompute):
    update = UPDATE.model_copy(update={"recompute_advantages": recompute, "max_behaviour_kl": None})
    loop(home, SMALL.model_copy(update={"lag": 4, "evaluate_every": 0, "train": update}), 5, Reporter())
    told = [any("versions old" in note for note in registry.read_manifest(home, at).notes) for at in range(2, 7)]
    assert told == [False] * 4 + [not recompute]


def test_a_wider_window_holds_the_loop_s_own_rollouts(home):
    loop(home, SMALL.model_copy(update={"window": 2, "evaluate_every": 0}), 3, Reporter())
    assert [rollouts for *_, rollouts in account(home)] == [1, 2, 2]


@pytest.mark.parametrize("go_on_from", ["champion", "latest"])
def test_after_a_version_that_is_worse_the_loop_goes_on_from_where_it_is_told(home, go_on_from):
    config = SMALL.model_copy(update={"evaluate_every": 1, "risk": 0.0, "go_on_from": go_on_from})
    laps = []
    loop(home, config, 4, Reporter(), told=laps.append)
    assert any(not lap.decision.promoted for lap in laps)  # seldom is each of two episodes better
    heads = [1, *(lap.version if lap.decision.promoted else None for lap in laps)]
    for at, (_, parent, _, _) in enumerate(account(home)):
        champion = max(head for head in heads[: at + 1] if head is not None)
        assert parent == (champion if go_on_from == "champion" else at + 1)


@pytest.mark.parametrize("stage", ["collect", "bring_in", "train", "evaluate", "promote_if_not_worse"])
@pytest.mark.parametrize("before", [True, False])
def test_interrupted_anywhere_it_goes_on_and_does_nothing_twice(home, monkeypatch, stage, before):
    """The second call of a stage is interrupted, before its work or after it."""
    owner = {"collect": flows.looping.Driving, "promote_if_not_worse": flows.looping.promotion}.get(
        stage, flows.looping
    )
    work, calls = getattr(owner, stage), []

    def interrupted(*arguments, **options):
        calls.append(stage)
        if len(calls) == 2 and before:
            raise KeyboardInterrupt
        result = work(*arguments, **options)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return result

    config = SMALL.model_copy(update={"evaluate_every": 1})
    monkeypatch.setattr(owner, stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop(home, config, 3, Reporter())
    monkeypatch.undo()
    loop(home, config, 3, Reporter())
    assert [version for version, *_ in account(home)] == [2, 3, 4]
    assert sql(home, "select count(*), sum(rows) from rollouts") == [(3, 3 * 64)]
    assert sql(home, "select count(*), count(distinct version) from evaluations") == [(4, 4)]
    assert sql(home, "select count(*), count(version), count(promoted), count(goes_on) from laps") == [(3, 3, 3, 3)]
    assert sql(home, "select count(*) from rejects") == [(0,)]


def test_an_unfinished_loop_is_not_confused_with_another(home, monkeypatch):
    monkeypatch.setattr(flows.looping, "train", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop(home, SMALL, 3, Reporter())
    monkeypatch.undo()
    with pytest.raises(SettingsRejected, match="pitwall loop --resume"):
        loop(home, SMALL, 4, Reporter())
    assert flows.looping.unfinished(home) == (SMALL, 3, None)
    assert loop(home, SMALL, 1, Reporter(), anew=True).loop_id == "loop-0002"


def test_a_champion_of_another_environment_is_refused(home):
    loop(home, SMALL, 1, Reporter())
    with pytest.raises(SettingsRejected, match="a home of its own"):
        loop(home, SMALL.model_copy(update={"drive": DriveConfig(agents=4, steps=64)}), 1, Reporter())


def test_a_champion_of_another_environment_of_the_same_space_is_refused(home):
    loop(home, SMALL, 1, Reporter())
    gymnasium.register("Twin-v0", "gymnasium.envs.classic_control:PendulumEnv", max_episode_steps=50)
    other = SMALL.model_copy(update={"drive": DriveConfig(environment="Twin-v0", agents=4, steps=64)})
    with pytest.raises(SettingsRejected, match=r"drives Pendulum-v1, not Twin-v0\. .* a home of its own"):
        loop(home, other, 1, Reporter())
    with Driving(other.drive, home.paths.drives("twin"), "twin") as driving:
        driving.collect(driver_of(home, 2))
    bring_in(home, [home.paths.drives("twin")], Reporter())
    assert trained_in(home, 2) == {"environment": "Pendulum-v1"}
    del gymnasium.registry["Twin-v0"]


def test_an_evaluation_is_driven_once(home, monkeypatch):
    loop(home, SMALL, 1, Reporter())
    first = evaluate(home, 2, SMALL.drive, SMALL.evaluate, Reporter())
    monkeypatch.setattr("flows.evaluating.drive_all", _interrupt)
    assert evaluate(home, "latest", SMALL.drive, SMALL.evaluate, Reporter()) == first
    with pytest.raises(KeyboardInterrupt):
        evaluate(home, 2, SMALL.drive, EvaluateConfig(episodes=3), Reporter())


class Stubborn(Reporter):
    """Tries a stage again after a Transient error, as Prefect does."""

    def call(self, name, function, *args, **kwargs):
        for _ in range(3):
            try:
                return function(*args, **kwargs)
            except Transient:
                continue
        return function(*args, **kwargs)


@pytest.mark.parametrize("stage", ["flows.landing.ingest", "flows.landing.attribute", "flows.looping.train"])
@pytest.mark.parametrize("before", [True, False])
def test_a_lap_that_is_tried_again_drives_nothing_twice(home, monkeypatch, stage, before):
    """The second call of a stage finds the catalog busy, before its work or after it."""
    module, name = stage.rsplit(".", 1)
    work, calls = getattr(sys.modules[module], name), []

    def busy(*arguments, **options):
        calls.append(name)
        if len(calls) == 2 and before:
            raise CatalogBusy("busy")
        result = work(*arguments, **options)
        if len(calls) == 2:
            raise CatalogBusy("busy")
        return result

    monkeypatch.setattr(stage, busy)
    loop(home, SMALL, 3, Stubborn())
    assert account(home) == [(2, 1, [1], 1), (3, 2, [2], 1), (4, 3, [3], 1)]
    assert sql(home, "select count(*) from rollouts") == [(3,)]


@pytest.mark.parametrize("start", [None, "latest", 1])
def test_interrupted_in_its_last_evaluation_it_goes_on_with_that(home, monkeypatch, start):
    config = SMALL.model_copy(update={"evaluate": EvaluateConfig(episodes=2, first_track=JUDGING)})
    loop(home, config, 1, Reporter())
    work, laps = flows.looping.evaluate, []

    def last(lake, version, drive, how, report):
        if how.first_track == TEST:
            raise KeyboardInterrupt
        return work(lake, version, drive, how, report)

    monkeypatch.setattr(flows.looping, "evaluate", last)
    with pytest.raises(KeyboardInterrupt):
        loop(home, config, 2, Reporter(), start=start)
    monkeypatch.undo()
    done = loop(home, config, 2, Reporter(), start=start, told=laps.append)
    assert (done.loop_id, laps) == ("loop-0002", []) and done.evaluation is not None
    assert flows.looping.unfinished(home) is None
    assert [version for version, *_ in account(home)] == [2, 3, 4]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(tmp_path):
    """SIGKILL of the real command, several times; then the account of an undisturbed loop."""
    laps, moments = 20, random.Random(7)
    command = [sys.executable, "-m", "pitwall", "--home", str(tmp_path / "home"), "loop", "--named", "pendulum"]
    command += ["--iterations", str(laps), "--steps", "64", "--set", "hidden=[8]", "--set", "epochs=1"]
    for reached in (1, 4, 7, 10):  # long before the end, however fast the machine
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        for line in process.stderr:
            said.append(line)
            if (lap := re.search(rf"(\d+)/{laps}  version", line)) and int(lap[1]) >= reached:
                break
        else:
            pytest.fail(f"it ended before lap {reached}: {said}")
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        process.communicate()
        assert process.returncode != 0, "it came to its end before the kill"
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["iterations"] == laps
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    assert [(version, parent) for version, parent, *_ in account(lake)] == [(at + 1, at) for at in range(1, laps + 1)]
    assert sql(lake, "select count(*), sum(rows) from rollouts") == [(laps, laps * 64)]
    lake.catalog.engine.dispose()


def test_a_person_s_champion_is_where_a_loop_begins(home):
    loop(home, SMALL, 2, Reporter())
    promote(home, "champion", 2)
    assert loop(home, SMALL, 1, Reporter()).start == 2


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_start_is_driven_with_although_another_is_champion(home):
    loop(home, SMALL, 2, Reporter())
    promote(home, "champion", 1)
    config = SMALL.model_copy(update={"go_on_from": "champion"})
    loop(home, config, 1, Reporter(), start=2)
    assert registry.get(home, "latest").parent == 2


def test_an_evaluation_by_hand_is_no_judgement(home):
    config = SMALL.model_copy(update={"go_on_from": "champion", "evaluate_every": 10})
    laps = []

    def told(lap):
        laps.append(lap)
        evaluate(home, lap.version, SMALL.drive, SMALL.evaluate, Reporter())

    loop(home, config, 3, Reporter(), told=told)
    assert [parent for _, parent, *_ in account(home)] == [1, 2, 3]


def test_a_training_by_hand_is_no_lap(home, monkeypatch):
    work = flows.looping.train
    monkeypatch.setattr(flows.looping, "train", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop(home, SMALL, 2, Reporter())
    monkeypatch.undo()
    work(home, Window(newest=1), UPDATE.model_copy(update={"seed": 9}), Reporter())
    loop(home, SMALL, 2, Reporter())
    assert [(version, parent) for version, parent, *_ in account(home)] == [(2, 1), (3, 1), (4, 3)]


def test_a_rollout_that_does_not_go_in_stops_the_loop_and_the_next_call_drives_another(home, monkeypatch):
    work = flows.looping.Driving.collect

    def torn(*arguments):
        collected = work(*arguments)
        collected.path.write_bytes(collected.path.read_bytes()[:500])
        return collected

    monkeypatch.setattr(flows.looping.Driving, "collect", torn)
    with pytest.raises(RolloutRejected, match="cannot be trained on"):
        loop(home, SMALL, 2, Reporter())
    monkeypatch.undo()
    loop(home, SMALL, 2, Reporter())
    assert [(version, parent) for version, parent, *_ in account(home)] == [(2, 1), (3, 2)]


def test_one_loop_at_a_time_in_a_home(home):
    def another(_):
        with pytest.raises(SettingsRejected, match="another loop is running"):
            loop(home, SMALL, 1, Reporter())

    loop(home, SMALL, 1, Reporter(), told=another)


def test_a_loop_delivers_nothing_to_the_engine(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home", engine_models_dir=tmp_path / "engine"))
    loop(lake, SMALL, 1, Reporter())
    assert hand_over(lake, 2) is None  # nor does anybody else: it drives another environment
    assert not (tmp_path / "engine").exists()
    lake.catalog.engine.dispose()
