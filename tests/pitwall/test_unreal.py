"""The drop-in for the racing plugin's training script, started as the plugin starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall.cli import app
from pitwall.unreal import main
from racing.policy_document import PolicyDocument
from schemas.errors import SettingsRejected
from schemas.settings import Settings
from tests.flows.sessions import driver
from tests.pitwall.unreal_project import SCRIPT, Project, said
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse.lake import Lake
from warehouse.model import Model
from warehouse.model_lineage import rollouts_of

pytestmark = leaves_files_open


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)  # the drop-in goes to the project's folder
    monkeypatch.setenv("PITWALL_SETTLE_SECONDS", "0.05")
    monkeypatch.setenv("PITWALL_REPORTS", "false")
    return Project(tmp_path)


def versions(project: Project) -> list[Model]:
    lake = Lake.open(Settings.load(home=project.home))
    try:
        return registry.versions(lake)
    finally:
        lake.catalog.engine.dispose()


def run(project: Project, epochs: str = "1") -> int:
    return main([str(project.exports), str(project.models), epochs])


def test_started_by_the_plugin_it_trains_from_the_policy_that_drove_and_then_finds_nothing_new(project, monkeypatch):
    monkeypatch.delenv("PITWALL_REPORTS")
    project.loads(driver(1))
    project.drives(driver(1), 0)
    (project.script.parent / "schemas.py").write_text("raise RuntimeError('a module of the plugin, not ours')")
    process = project.start()
    lines = said(process).splitlines()
    assert process.returncode == 0, lines
    assert f"Pitwall: home {project.home}" in lines
    assert "model_epoch_7.json drove 1 of the new rollouts: it is version 1" in lines
    assert [line.split(":")[0] for line in lines if line.startswith("epochs")] == ["epochs 1/2", "epochs 2/2"]
    assert any("version 2 from version 1" in line and "ratio at start mean 1.0000" in line for line in lines)
    assert f"what is known of version 2: {project.home / 'reports' / 'v00002.html'}" in lines
    assert b"Version 2" in (project.home / "reports" / "v00002.html").read_bytes()
    assert not [line for line in lines if "\x1b" in line or "\r" in line]

    policy = project.models / "model_epoch_2.json"
    assert project.pointer() == policy and project.loaded().log_std.shape == (3,)
    assert PolicyDocument.read(policy.read_bytes(), policy.name).version == 2
    assert [(model.start, model.parent) for model in versions(project)] == [("imported", None), ("warm", 1)]

    before = {file: file.stat().st_mtime_ns for file in project.models.iterdir()}
    again = project.start("Exports/", "Models\\", "2\r", cwd=project.exports.parent)
    assert "nothing new: the lake holds all 1 files already" in said(again)
    assert again.returncode == 0 and len(versions(project)) == 2
    assert {file: file.stat().st_mtime_ns for file in project.models.iterdir()} == before


def test_the_engine_drives_on_with_each_version_and_each_rollout_is_trained_on_once(project):
    project.loads(driver(1))
    project.drives(driver(1), 0)
    for index in (1, 2):
        assert run(project) == 0
        project.drives_on(index)
    assert run(project) == 0
    made = versions(project)
    assert [model.parent for model in made] == [None, 1, 2, 3]
    assert all(model.metrics["first_ratio_deviation"] < 1e-4 for model in made[1:])
    lake = Lake.open(Settings.load(home=project.home))
    trained = [[rollout.file_name for rollout in rollouts_of(lake, model.version)] for model in made[1:]]
    lake.catalog.engine.dispose()
    assert [len(names) for names in trained] == [1, 1, 1] and len({name for (name,) in trained}) == 3


@pytest.mark.parametrize(
    "spelled",
    [
        lambda p: [f"{p.exports}/", f"{p.models}/", "1"],
        lambda p: [f"'{p.exports}'", f" {p.models} ", "1\r\n"],
        lambda p: [f'"{p.exports}"', f'"{p.models}"', '"1"'],
        lambda p: [str(p.exports).replace("/", "\\"), str(p.models).replace("/", "\\"), "1"],
        # "...\Exports\" "...\Models\" 1 with the backslashes that quote the quotes, cut up by Windows' rules
        lambda p: [*f'{p.exports}" {p.models}" 1'.split(" ")],
        lambda p: [os.path.relpath(p.exports), os.path.relpath(p.models), "1"],
    ],
    ids=["slash", "blanks", "quotes", "backslashes", "run-together", "relative"],
)
def test_arguments_are_understood_however_a_start_on_windows_spells_them(project, spelled, capsys):
    project.drives(driver(1), 0)
    project.loads(driver(1))
    assert main(spelled(project)) == 0, capsys.readouterr().out
    assert project.pointer() == project.models / "model_epoch_1.json"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "0 arguments, wanted 3"),
        (["{exports}", "{models}", "ten"], "EPOCHS is 'ten', wanted a whole number from 1"),
        (["{exports}", "{models}", "0"], "EPOCHS is '0'"),
        (["{exports}/nowhere", "{models}", "1"], "which is no folder. Let the engine export rollouts first"),
        (["{exports}", "{exports}/../../../Racer.uproject/Models", "1"], "which cannot be made"),
    ],
)
def test_wrong_arguments_are_said_where_the_plugin_looks(project, arguments, message, capsys):
    given = [word.format(exports=project.exports, models=project.models) for word in arguments]
    assert main(given) == 2
    told = capsys.readouterr()
    assert message in told.out and not told.err and not project.home.exists()


def test_swapped_folders_are_said_and_nothing_is_written_among_the_rollouts(project, capsys):
    project.drives(driver(1), 0)
    project.loads(driver(1))
    before = sorted(project.exports.iterdir())
    assert main([str(project.models), str(project.exports), "1"]) == 2
    assert "are the arguments swapped?" in capsys.readouterr().out
    assert sorted(project.exports.iterdir()) == before and not project.home.exists()
    (project.models / "best_model_path.txt").unlink()  # the policy alone tells as well
    told = CliRunner().invoke(app, ["watch", str(project.models), str(project.exports)])
    assert isinstance(told.exception, SettingsRejected) and "are the arguments swapped?" in str(told.exception)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_asked_for_help_it_says_its_arguments_and_does_nothing(project, word, capsys):
    assert main([word]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("usage: train_pytorch.py EXPORT_DIR MODEL_DIR EPOCHS") and not told.err
    assert not project.home.exists()


def test_where_nobody_knows_who_drove_it_starts_from_a_clone_and_says_so(project, capsys):
    project.loads(driver(2))
    project.drives(driver(1), 0)
    assert run(project) == 0
    out = capsys.readouterr().out
    assert "from a clone of the recorded behaviour" in out and "no registered policy computes the recorded" in out
    assert [model.start for model in versions(project)] == ["clone"]


def test_the_policy_that_drove_is_found_beside_the_one_that_the_pointer_names(project):
    project.loads(driver(1), "model_epoch_3.json")
    (project.models / "broken.json").write_text("{")
    project.loads(driver(2), "model_epoch_4.json")
    project.drives(driver(1), 0)
    assert run(project) == 0
    assert [model.start for model in versions(project)] == ["imported", "warm"]


def test_an_export_folder_without_rollouts_is_an_error_and_so_is_one_of_broken_ones(project, capsys):
    assert run(project) == 1
    assert "there is no rollout to train on, and no policy" in capsys.readouterr().out
    (project.exports / "rollout_0_20250101_000000.json").write_text("{}")
    assert run(project) == 1
    out = capsys.readouterr().out
    assert "rejected rollout_0_20250101_000000.json: " in out and "what is new was turned away" in out


def test_a_rollout_that_claims_another_version_is_no_success_and_never_nothing_new_alone(project, capsys):
    project.loads(driver(1))
    project.drives(driver(1), 0)
    assert run(project) == 0
    wrong = project.drives(driver(1), 1)
    wrong.write_text(json.dumps({**json.loads(wrong.read_bytes()), "policy_version": 2}))
    capsys.readouterr()
    assert run(project) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-2].startswith("1 rollout is NOT trained on: it claims version 2, but its values are version 1's. Mend")
    assert (
        told[-1].startswith("error: nothing is trained: 1 of 1 new rollouts claims a version")
        and "nothing new" not in told[-1]
    )
    assert run(project) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2].startswith("1 rollout is NOT trained on") and told[-1].startswith("nothing new")


def test_a_policy_of_another_trainer_under_our_name_is_kept(project):
    project.loads(driver(2), "model_epoch_1.json")
    theirs = (project.models / "model_epoch_1.json").read_bytes()
    project.drives(driver(1), 0)
    assert run(project) == 0
    project.drives_on(1)
    assert run(project) == 0
    assert (project.models / "model_epoch_1.before_pitwall.json").read_bytes() == theirs
    assert json.loads((project.models / "model_epoch_1.json").read_bytes())["pitwall"]["version"] == 2


def test_pitwall_toml_beside_the_project_is_honoured(project, tmp_path):
    text = 'home = "lake of mine"\r\nengine_model_name = "racer_{version}"\r\n'
    (project.folder / "pitwall.toml").write_text(text, newline="")
    project.drives(driver(1), 0)
    assert run(project) == 0
    assert project.pointer().name == "racer_1.json"
    assert (project.folder / "lake of mine" / "catalog.sqlite").is_file() and not project.home.exists()


def test_a_broken_pitwall_toml_is_said(project, capsys):
    (project.folder / "pitwall.toml").write_text("hoem = 'x'")
    assert run(project) == 2
    assert "there is no setting 'hoem'" in capsys.readouterr().out


def test_a_version_that_the_engine_did_not_get_is_handed_over_by_the_next_start(project, capsys):
    project.drives(driver(1), 0)
    assert run(project) == 0
    made = project.pointer().read_bytes()
    for file in project.models.iterdir():
        file.unlink()
    assert run(project) == 0
    assert "the engine gets version 1, late" in capsys.readouterr().out
    assert project.pointer().read_bytes() == made and len(versions(project)) == 1


def test_an_older_version_that_was_delivered_by_hand_stays_where_nothing_is_new(project):
    from flows.publishing import hand_over
    from pitwall.unreal import settings_for

    for index in (0, 1):
        project.drives(driver(1), index, seed=index)
        assert run(project) == 0
    lake = Lake.open(settings_for(project.exports, project.models, 1))
    hand_over(lake, 1)
    lake.catalog.engine.dispose()
    assert run(project) == 0
    assert json.loads(project.pointer().read_bytes())["pitwall"]["version"] == 1


def test_an_interpreter_without_pitwall_is_told_what_to_do(project):
    command = [sys.executable, "-I", "-S", str(project.script), "a", "b", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stderr
    assert "Pitwall cannot be loaded there: No module named 'pitwall'" in done.stdout
    assert f'"{sys.executable}" -m pip install' in done.stdout


def test_the_script_is_read_by_pythons_that_are_too_old():
    import ast

    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.slow
def test_two_starts_at_once_train_once(project):
    project.loads(driver(1))
    project.drives(driver(1), 0)
    both = [project.start(), project.start()]
    told = [said(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted("nothing new" in each for each in told) == [False, True]
    assert [model.start for model in versions(project)] == ["imported", "warm"]


@pytest.mark.slow
@pytest.mark.parametrize("word", [b"epochs 1/", b"is published"])
def test_killed_anywhere_the_next_start_does_the_rest(project, word):
    project.loads(driver(1))
    project.drives(driver(1), 0)
    process = project.start()
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            break
    process.kill()
    said(process)
    assert run(project, "2") == 0
    assert [model.start for model in versions(project)] == ["imported", "warm"]
    assert project.pointer() == project.models / "model_epoch_2.json" and project.loaded()
