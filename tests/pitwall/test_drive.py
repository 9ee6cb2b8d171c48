"""`pitwall drive`, `evaluate`, `loop` and `lap` as the person types them."""

import json
import re
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from typer.testing import CliRunner, Result

from pitwall.cli import app
from racing.collector import Collector
from schemas.errors import SettingsRejected, StorageBusy
from schemas.settings import Settings
from tests.ppo.contract import engine, leaves_files_open
from warehouse.lake import Lake
from warehouse.questions import questions

pytestmark = leaves_files_open
SMALL = ["--iterations", "2", "--steps", "128", "--set", "hidden=[8]", "--set", "epochs=1"]


def _call(home: Path, *words: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *map(str, words)])


def _said(home: Path, *words: str | Path | int, code: int = 0) -> str:
    result = _call(home, *words)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def _refused(home: Path, *words: str | Path | int) -> str:
    result = _call(home, *words)
    assert isinstance(result.exception, SettingsRejected), result.output
    return str(result.exception)


def test_the_first_drive_is_a_random_policy_s_and_its_rollouts_go_in(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    said = _said(tmp_path / "home", "drive", "--to", folder, "--steps", 256, "--rollouts", 2, "--run", "first")
    assert "nothing is registered yet: version 1 is a random policy" in said
    assert "PyTorchExporter: Exported 256 experiences to rollout_0_" in said
    assert len(list(folder.glob("rollout_*.json"))) == 2
    said = _said(tmp_path / "home", "ingest", folder)
    assert "2 rollouts with 512 experiences in" in said
    said = _said(tmp_path / "home", "sql", "select run_id, policy_version, verdict from rollouts", "--format", "csv")
    assert said.splitlines()[1:] == ['"first",1,"author"'] * 2


def test_a_fault_on_request_is_rejected_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    _said(tmp_path / "home", "drive", "--to", folder, "--steps", 64, "--fault", "torn")
    assert "1 file rejected" in _said(tmp_path / "home", "ingest", folder, code=3)
    assert "torn" in _said(tmp_path / "home", "drive", "--fault", "list")
    assert "there are" in _refused(tmp_path / "home", "drive", "--fault", "flood")


def test_a_lidar_is_driven_with_and_a_version_remembers_it(tmp_path: Path) -> None:
    _said(tmp_path, "drive", "--lidar", 8, "--steps", 64, "--to", tmp_path / "a")
    _said(tmp_path, "drive", "champion", "--steps", 64, "--to", tmp_path / "b")
    [file] = (tmp_path / "b").glob("rollout_*.json")
    assert len(json.loads(file.read_text())["experiences"][0]["state"]) == 23
    assert "not a multiple" in _refused(tmp_path, "drive", "--steps", 65)


def test_another_environment_drives_loops_and_is_evaluated(tmp_path: Path) -> None:
    said = _said(tmp_path, "loop", "--named", "pendulum", *SMALL)
    assert "loop-0001: 2 laps done. Champion is version" in said
    named = re.findall(r" ask ([\w-]+)", said)
    assert named and set(named) <= set(questions())
    told = json.loads(_said(tmp_path, "evaluate", "1", "3", "--episodes", 3, "--json"))
    assert [(each["version"], each["task"], each["drives"]) for each in told] == [
        (1, "Pendulum-v1", 3),
        (3, "Pendulum-v1", 3),
    ]
    said = _said(tmp_path, "evaluate", "1", "--episodes", 3)
    assert "return" in said and "lap" not in said  # what only racing knows is not shown
    assert "only Pitwall/Racing-v0 has tracks" in _refused(tmp_path, "drive", "--picture", tmp_path / "line.png")


def test_a_loop_of_racing_leaves_policies_that_the_engine_loads_and_a_picture(tmp_path: Path) -> None:
    _said(tmp_path, "loop", *SMALL, "--agents", 4)
    problems, network = engine.read_policy(tmp_path / "models" / "v00003" / "policy.engine.json")
    assert problems == [] and network is not None
    said = _said(tmp_path, "drive", "3", "--picture", tmp_path / "line.png")
    assert "version 3 on track 1000000" in said
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG")
    said = _said(tmp_path, "ask", "versions", "--format", "csv")
    assert len(said.splitlines()) == 4


def test_a_lap_ends_with_a_plot_and_a_picture(tmp_path: Path) -> None:
    said = _said(tmp_path, "lap", "--laps", 1)
    assert "drives that finish a lap on unseen tracks" in said and "Champion is version" in said
    for name in ("progress.png", "champion.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loop", "--named", "rally"], "there are racing"),
        (["loop", "--set", "epoch=3"], "wanted NAME=VALUE"),
        (["loop", "--steps", "100"], "drive: steps 100 is not a multiple of agents 16"),
        (["drive", "--steps", "100"], "drive: steps 100 is not a multiple of agents 8"),
        (["loop", "--resume"], "no loop is unfinished"),
        (["loop", "--resume", "--steps", "512"], "leave out --steps"),
        (["loop", "--go-on-from", "here"], "go_on_from"),
        (["drive", "--preset", "endless"], "quick, standard, stable"),
        (["drive", "--env", "Nowhere-v0"], "Nowhere"),
        (["drive", "--env", "Pendulum-v9"], "my_package:MyEnv-v0"),
        (["drive", "--env", "Pendulum-v1", "--picture", "line.png"], "only Pitwall/Racing-v0 has tracks"),
        (["drive", "--picture", "line.txt"], "a file of kind '.txt'"),
        (["drive", "--fault", "flood"], "there are"),
        (["drive", "--run", "../a"], "a name that can be a folder's"),
        (["drive", "--run", ""], "a name that can be a folder's"),
        (["drive", "--env", "CartPole-v1"], "continuous actions"),
    ],
)
def test_what_cannot_be_driven_is_refused_in_words(tmp_path: Path, words: list[str], message: str) -> None:
    Lake.open(Settings.load(home=tmp_path)).catalog.engine.dispose()
    told = _refused(tmp_path, *words)
    assert message in told and "Value error" not in told
    assert json.loads(_said(tmp_path, "models", "list", "--json")) == []


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        ("drive", ["(champion, else a random policy)", "(the one it was trained in, else racing)", "(drive-<time>)"]),
        ("evaluate", ["(champion, latest)", "(what the version wants)"]),
        ("loop", ["(the champion, else a random policy)"]),
    ],
)
def test_the_help_says_what_is_taken_when_nothing_is_said(tmp_path: Path, command: str, defaults: list[str]) -> None:
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", _said(tmp_path, command, "--help")).split())
    for default in defaults:
        assert default in said


def _driven(home: Path, folder: Path, *words: str | Path | int) -> list[dict[str, Any]]:
    said = _said(home, "drive", "--to", folder, "--steps", 64, *words)
    [file] = folder.glob("rollout_*.json")
    document = json.loads(file.read_text())
    assert f"drove with seed {document['seed']}. " in said
    rows: list[dict[str, Any]] = document["experiences"]
    return rows


def test_each_drive_is_another_one_unless_its_seed_is_given(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert _driven(home, tmp_path / "a") != _driven(home, tmp_path / "b")
    assert _driven(home, tmp_path / "c", "--seed", 7) == _driven(home, tmp_path / "d", "--seed", 7)
    assert _call(home, "drive", "--seed", 2**31).exit_code == 2


def test_a_session_s_name_is_taken_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _said(home, "drive", "--run", "a", "--steps", 64)
    assert "may hold a session of that name" in _refused(home, "drive", "--run", "a", "--steps", 64)
    _said(home, "drive", "--run", "b", "--steps", 64, "--to", tmp_path / "b")
    assert "may hold" in _refused(home, "drive", "--run", "b", "--steps", 64, "--to", tmp_path / "b")
    _said(home, "ingest", tmp_path / "b")
    assert "the lake holds a session of that name" in _refused(home, "drive", "--run", "b", "--steps", 64)


def test_a_folder_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = _call(tmp_path / "home", "drive", "--steps", 64, "--to", tmp_path / "file" / "exports")
    assert isinstance(result.exception, StorageBusy)
    assert "cannot be written" in str(result.exception)


def test_weights_of_the_reward_can_be_changed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    usual = _driven(home, tmp_path / "a", "--seed", 7)
    faster = _driven(home, tmp_path / "b", "--seed", 7, "--reward", "speed=0", "--reward", "survival=0.5")
    terms = ([row["reward_terms"] for row in rows] for rows in (usual, faster))
    for before, after in zip(*terms, strict=True):
        assert after["speed"] == 0 and after["progress"] == before["progress"]
        assert after["survival"] == (0.5 if before["survival"] else 0)
    _said(home, "loop", *SMALL, "--agents", 4, "--reward", "speed=0.5")
    assert "no such weight" in _refused(home, "drive", "--reward", "charm=1")
    assert "NAME=WEIGHT" in _refused(home, "drive", "--reward", "speed")
    assert "only Pitwall/Racing-v0 has" in _refused(home, "drive", "--env", "Pendulum-v1", "--reward", "speed=1")


def test_an_interrupted_loop_promises_only_what_the_next_call_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.looping.space_in", interrupted)
        said = _said(tmp_path, "loop", *SMALL, code=130)
    assert "interrupted before the loop was begun; the same command begins it" in said
    assert "no loop is unfinished" in _refused(tmp_path, "loop", "--resume")
    with monkeypatch.context() as patch:
        patch.setattr(Collector, "collect", interrupted)
        said = _said(tmp_path, "loop", *SMALL, code=130)
    assert "loop-0001 keeps what it has. The same command goes on with it, or: " in said
    with monkeypatch.context() as patch:
        patch.setattr("flows.looping.space_in", interrupted)
        assert "before the loop was begun" in _said(tmp_path, "loop", *SMALL, "--new", code=130)
    assert "loop-0001: 2 laps done" in _said(tmp_path, "loop", "--resume")


def test_an_interrupted_drive_says_once_what_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Collector, "collect", interrupted)
    said = _said(tmp_path, "drive", code=130)
    assert said.count("interrupted") == 1
    assert "whole rollouts stay, and the next call begins another session" in said


def test_an_environment_of_one_s_own_is_named_with_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pendulum = "gymnasium.envs.classic_control.pendulum:PendulumEnv"
    (tmp_path / "my_package.py").write_text(
        f"import gymnasium\ngymnasium.register('MyEnv-v0', '{pendulum}', max_episode_steps=50)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _said(tmp_path / "home", "loop", "--env", "my_package:MyEnv-v0", "--agents", 2, *SMALL)
    said = _said(tmp_path / "home", "drive", "--steps", 64)
    del gymnasium.registry["MyEnv-v0"]
    assert "version 3 drove with seed" in said
