"""Windows as Minari datasets and datasets as rollouts, by the real Minari."""

import json
import sys

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minari.data_collector.episode_buffer import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from flows.importing_dataset import import_dataset
from flows.reporter import Reporter
from schemas.errors import NotRegistered, RolloutRejected, SettingsRejected, WindowEmpty
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.rollouts import bits, experience, sql, write
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.minari_export import KEY, write_minari
from warehouse.windows import select


@pytest.fixture
def lake(tmp_path):
    opened = Lake.open(Settings.load(home=tmp_path / "home", settle_seconds=0))
    yield opened
    opened.catalog.engine.dispose()


@pytest.fixture
def other(tmp_path):
    opened = Lake.open(Settings.load(home=tmp_path / "other", settle_seconds=0))
    yield opened
    opened.catalog.engine.dispose()


def drive(agent, *steps, start=0):
    """Experiences of one agent: `-` goes on, `t` terminated, `x` was truncated."""
    ends = {"-": {}, "t": {"done": True}, "x": {"done": True, "truncated": True, "next_value": 7.0}}
    return [experience(start + place, agent, **ends[step]) for place, step in enumerate("".join(steps))]


def folder_of(lake, tmp_path, *files, end="nan", name="laps-v0", **window):
    for index, experiences in enumerate(files):
        write(tmp_path / "in" / "run", index, experiences)
    ingest(lake, [tmp_path / "in"])
    return write_minari(lake, select(lake, Window(**window)), tmp_path / "sets" / name, end=end)


def episodes(folder):
    return list(minari.MinariDataset(folder / "data").iterate_episodes())


def new_dataset(folder, buffers, observation=None, action=None, dataset_id="them/laps-v1"):
    """As another program writes it."""
    folder.mkdir(parents=True)
    flat = Box(-np.inf, np.inf, (2,), np.float32)
    storage = MinariStorage.new(folder / "data", observation or flat, action or flat, data_format="arrow")
    storage.update_metadata({"dataset_id": dataset_id, "minari_version": minari.__version__})
    storage.update_episodes(buffers)
    return folder


def buffer(steps, *, ended=True, infos=("log_prob", "value"), extra=1, **changes):
    numbers = np.arange(steps, dtype=np.float32)
    ends = np.arange(steps) == (steps - 1 if ended else steps)
    return EpisodeBuffer(
        **{
            "observations": np.stack([np.arange(steps + 1, dtype=np.float32)] * 2, 1),
            "actions": np.stack([numbers, -numbers], 1),
            "rewards": numbers / 4,
            "terminations": ends,
            "truncations": np.zeros(steps, bool),
            "infos": {name: [np.float32(9)] * extra + list(-numbers) for name in infos} or None,
        }
        | changes
    )


def test_whole_episodes_become_episodes_and_the_rest_is_counted(lake, tmp_path):
    first = drive(0, "--t", "-x", "-") + drive(1, "--", start=100)
    second = drive(0, "-t", "--", start=50) + drive(1, "-t", "-", start=150)
    written = folder_of(lake, tmp_path, first, second)
    assert (written.episodes, written.steps) == (4, 3 + 2 + 3 + 4)
    assert (written.cut, written.cut_rows) == (2, 3)  # what goes on after the newest rollout
    found = episodes(written.folder)
    assert [len(each) for each in found] == [3, 2, 3, 4]
    assert [(bool(each.terminations[-1]), bool(each.truncations[-1])) for each in found] == [
        (True, False), (False, True), (True, False), (True, False),
    ]  # fmt: skip
    assert not any(each.terminations[:-1].any() or each.truncations[:-1].any() for each in found)
    across = found[2]  # begins in one rollout, ends in the next
    assert across.observations[:-1, 0].tolist() == [5, 50, 51]
    assert across.rewards.tolist() == [np.float32(number / 100) for number in (5, 50, 51)]
    assert across.infos["value"][1:].tolist() == [5, 50, 51]
    assert found[1].infos["next_value"][1:].tolist()[-1] == 7
    assert across.infos["version"].tolist() == [-1] * 4 and np.isnan(across.infos["log_prob"][0])
    assert found[3].infos["agent_index"].tolist() == [-1, 1, 1, 1, 1]


def test_an_episode_whose_rollout_the_window_lacks_is_cut(lake, tmp_path):
    files = [drive(0, "-"), drive(0, "-t", "-", start=10), drive(0, "t", start=20)]
    with pytest.raises(WindowEmpty, match="2 episodes with 3 rows are cut"):
        folder_of(lake, tmp_path, *files, sql="select rollout_id from rollouts where position = 1")
    assert not (tmp_path / "sets" / "laps-v0").exists()


def test_the_observation_after_the_last_action_is_never_invented_silently(lake, tmp_path):
    written = folder_of(lake, tmp_path, drive(0, "--t"))
    (episode,) = episodes(written.folder)
    assert np.isnan(episode.observations[-1]).all() and np.isfinite(episode.observations[:-1]).all()
    assert "NaN" in json.loads(minari.MinariDataset(written.folder / "data").storage.metadata[KEY])["last_observation"]
    again = write_minari(lake, select(lake, Window()), tmp_path / "sets" / "laps-v1", end="last")
    (episode,) = episodes(again.folder)
    assert (episode.observations[-1] == episode.observations[-2]).all()
    assert "stands there again" in minari.MinariDataset(again.folder / "data").storage.metadata["description"]


def test_minari_loads_the_dataset_by_its_name_and_knows_its_spaces(lake, tmp_path, monkeypatch):
    written = folder_of(lake, tmp_path, drive(0, "--t"))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(written.root))
    dataset = minari.load_dataset(written.dataset_id)
    assert (dataset.total_episodes, dataset.total_steps, dataset.id) == (1, 3, "laps-v0")
    assert dataset.action_space == Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))
    assert dataset.storage.metadata["dataset_size"] >= 0
    assert [path.name for path in written.root.iterdir()] == ["laps-v0"]


def test_a_name_that_is_none_and_a_folder_in_the_way_are_told(lake, tmp_path):
    folder_of(lake, tmp_path, drive(0, "t"))
    window = select(lake, Window())
    for name, words in (("laps", "NAME-vN"), ("laps-v0", "is there already")):
        with pytest.raises(SettingsRejected, match=words):
            write_minari(lake, window, tmp_path / "sets" / name)


def test_a_dataset_goes_in_once_and_its_authors_are_not_believed(lake, other, tmp_path):
    written = folder_of(lake, tmp_path, drive(0, "--t", "-x") + drive(1, "-t", start=100))
    came = import_dataset(other, written.folder, Reporter())
    assert (len(came.accepted), came.experiences, came.rejected) == (1, 7, False)
    again = import_dataset(other, written.folder, Reporter())
    assert (len(again.accepted), len(again.known)) == (0, 1)
    assert sql(other, "select run_id, environment from rollouts") == [("minari laps-v0", "laps-v0")]
    assert sql(other, "select count(*) from episodes where whole") == [(3,)]
    assert sql(other, "select claimed_version from rollouts") == [(None,)]
    assert sql(other, "select next_value from experiences where truncated") == [(7.0,)]


def test_episodes_that_came_from_this_very_lake_do_not_go_in_a_second_time(lake, other, tmp_path):
    written = folder_of(lake, tmp_path, drive(0, "--t", "-"), drive(0, "t", "-t", start=50))
    with pytest.raises(RolloutRejected, match=r"3 episodes came from rollouts of this very lake.*--home OTHER ingest"):
        import_dataset(lake, written.folder, Reporter())
    assert sql(lake, "select count(*) from rollouts") == [(2,)]
    ingest(other, [next((tmp_path / "in" / "run").glob("rollout_1*"))])  # the third episode alone lies in it whole
    came = import_dataset(other, written.folder, Reporter())
    assert came.experiences == 3 + 2
    assert came.ignored[str(written.folder)].startswith("1 episode came from rollouts of this very lake")


step_values = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_window_to_minari_and_back_gives_the_same_float32_numbers(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("trip")
    ends = [data.draw(st.text("-tx", min_size=1, max_size=9)) for _ in range(data.draw(st.integers(1, 3)))]
    rows = [row for agent, steps in enumerate(ends) for row in drive(agent, steps + "t")]
    for row in rows:
        row["state"] = data.draw(st.lists(step_values, min_size=15, max_size=15))
        row["action"]["steer"] = data.draw(st.floats(-1, 1, width=32))
        row |= {name: data.draw(step_values) for name in ("reward", "value")}
        row["log_prob"] = data.draw(st.floats(-1000, 6, width=32))
    lakes = [Lake.open(Settings.load(home=tmp_path / name, settle_seconds=0)) for name in ("a", "b")]
    try:
        written = folder_of(lakes[0], tmp_path, rows)
        assert written.cut_rows == 0
        came = import_dataset(lakes[1], written.folder, Reporter())
        assert came.experiences == len(rows) and not came.rejected
        numbers = "columns('obs_.*|action_.*'), reward, log_prob, value, next_value, terminated, truncated"
        first = sql(lakes[0], f"select {numbers} from experiences order by agent_index, step")
        back = sql(lakes[1], f"select {numbers} from experiences order by rollout_index, step")
        assert list(map(bits, first)) == list(map(bits, back))
    finally:
        for lake in lakes:
            lake.catalog.engine.dispose()


def test_a_dataset_of_others_goes_in_with_numbered_names(lake, tmp_path):
    place = new_dataset(tmp_path / "laps-v1", [buffer(3), buffer(2)])
    came = import_dataset(lake, place, Reporter())
    assert came.experiences == 5
    rows = sql(
        lake, "select obs_00, obs_01, action_00, action_01, reward, log_prob, value from experiences order by step"
    )
    assert rows[2] == (2, 2, 2, -2, 0.5, -2, -2)  # infos begin with that of the reset
    assert sql(lake, "select ended, length from episodes order by number") == [("terminated", 3), ("terminated", 2)]


def test_a_dataset_that_does_not_say_who_acted_how_is_refused(lake, tmp_path):
    for number, missing in enumerate(("log_prob", "value")):
        infos = tuple({"log_prob", "value"} - {missing})
        place = new_dataset(tmp_path / f"laps-v{number}", [buffer(3), buffer(3, infos=infos)])
        with pytest.raises(RolloutRejected, match=f"episode 1: its infos have no {missing}"):
            import_dataset(lake, place, Reporter())
    assert not sql(lake, "from rollouts")


def test_an_episode_that_did_not_end_is_followed_by_no_other(lake, tmp_path):
    place = new_dataset(tmp_path / "laps-v1", [buffer(2), buffer(3, ended=False), buffer(4)])
    import_dataset(lake, place, Reporter())
    assert sql(lake, "select run_id, ended, length, whole from episodes order by all") == [
        ("minari them/laps-v1", "open", 3, False),
        ("minari them/laps-v1", "terminated", 2, True),
        ("minari them/laps-v1 #2", "terminated", 4, True),
    ]


def test_long_datasets_become_several_rollouts_of_whole_episodes(lake, tmp_path):
    place = new_dataset(tmp_path / "laps-v1", [buffer(900) for _ in range(5)])
    came = import_dataset(lake, place, Reporter())
    assert list(came.accepted.values()) == [1800, 1800, 900]
    assert sql(lake, "select count(*), min(length), bool_and(whole) from episodes") == [(5, 900, True)]


def test_a_row_that_is_not_finite_is_rejected_at_the_door_with_its_reason(lake, tmp_path):
    rewards = np.array([0, np.nan, 0, 0], np.float32)
    place = new_dataset(tmp_path / "laps-v1", [buffer(4, rewards=rewards)])
    came = import_dataset(lake, place, Reporter())
    (reasons,) = came.rejected_rows.values()
    assert came.experiences == 3 and len(reasons) == 1
    assert reasons[0].startswith("experiences[1].reward: Expected float, got null")


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"action": Discrete(3)}, "action_space is Discrete, wanted a flat Box"),
        ({"observation": Dict(speed=Box(0, 1, (1,)))}, "observation_space is Dict"),
        ({"observation": Box(0, 1, (4, 4, 3))}, r"observation_space is Box of shape \[4, 4, 3\]"),
    ],
)
def test_spaces_that_are_no_rows_of_numbers_are_refused(lake, tmp_path, spaces, words):
    place = new_dataset(tmp_path / "laps-v1", [], **spaces)
    with pytest.raises(RolloutRejected, match=words):
        import_dataset(lake, place, Reporter())


def test_no_environment_is_made_of_what_a_dataset_names(lake, tmp_path):
    place = new_dataset(tmp_path / "laps-v1", [buffer(2)])
    file = place / "data" / "metadata.json"
    about = json.loads(file.read_text())
    trap = gymnasium.envs.registration.EnvSpec("Trap-v0", entry_point="builtins:exit")
    file.write_text(json.dumps({**about, "env_spec": trap.to_json()}))
    assert import_dataset(lake, place, Reporter()).experiences == 2
    assert sql(lake, "select environment from rollouts") == [("Trap-v0",)]
    del about["action_space"]
    file.write_text(json.dumps({**about, "env_spec": trap.to_json()}))
    with pytest.raises(RolloutRejected, match="does not say its action_space"):
        import_dataset(lake, place, Reporter())


def test_without_the_package_it_is_named(lake, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(SettingsRejected, match=r"pip install 'pitwall\[minari\]'"):
        import_dataset(lake, tmp_path, Reporter())


def test_what_is_no_dataset_is_told(lake, tmp_path):
    with pytest.raises(NotRegistered, match="no Minari dataset in"):
        import_dataset(lake, tmp_path / "nothing", Reporter())
    place = new_dataset(tmp_path / "laps-v1", [buffer(2)])
    next((place / "data" / "0").glob("*.arrow")).write_bytes(b"ARROW1")
    with pytest.raises(RolloutRejected, match="episode 0: cannot be read"):
        import_dataset(lake, place, Reporter())
    (place / "data" / "metadata.json").write_text("[]")
    with pytest.raises(RolloutRejected, match="no metadata of a Minari dataset"):
        import_dataset(lake, place, Reporter())
