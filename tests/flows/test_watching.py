"""The watch: real files come into a real folder, each when the watch has said what the step before it did."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.reporter import Reporter
from flows.watching import watch
from schemas.errors import SettingsRejected
from schemas.settings import Settings
from schemas.training import TrainConfig
from tests.flows.sessions import collect, driver
from tests.ppo.contract import engine, leaves_files_open
from warehouse import registry
from warehouse.lake import Lake
from warehouse.model_lineage import rollouts_of

pytestmark = leaves_files_open
CONFIG = TrainConfig(epochs=1, hidden=(8,))
Step = tuple[str, Callable[[], object]]


class Script(Reporter):
    """Acts when it hears its next cue, and ends the watch after the last one."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps, self.lines, self.stop = list(steps), list[str](), threading.Event()
        self.late = threading.Timer(60, self.stop.set)

    def say(self, message: str) -> None:
        self.lines.append(message)
        if self.steps and self.steps[0][0] in message:
            _, act = self.steps.pop(0)
            act()
        if not self.steps:
            self.stop.set()

    def run(self, lake: Lake, exports: Path, config: TrainConfig = CONFIG, **how: object) -> list[str]:
        self.late.start()
        try:
            watch(lake, exports, config, self, stop=self.stop, **how)  # type: ignore[arg-type]
        finally:
            self.late.cancel()
        assert not self.steps, f"never said: {self.steps[0][0]}. Said: {self.lines}"
        return self.lines


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "Saved" / "Training" / "Exports"
    folder.mkdir(parents=True)
    (folder.parent / "Models").mkdir()
    (folder.parent / "Models" / "driver.json").write_bytes(driver(1).raw)
    return folder


@pytest.fixture
def lake(tmp_path: Path, exports: Path) -> Iterator[Lake]:
    models = exports.parent / "Models"
    opened = Lake.open(
        Settings.load(home=tmp_path / "home", engine_models_dir=models, settle_seconds=0.05, reports=False)
    )
    yield opened
    opened.catalog.engine.dispose()


def nothing() -> None:
    pass


def drive(exports: Path, *indices: int) -> Callable[[], object]:
    return lambda: [collect(driver(1), exports, index, 64) for index in indices]


def files_of(lake: Lake) -> list[list[str]]:
    """The files that each version was trained on."""
    return [
        [rollout.file_name for rollout in rollouts_of(lake, model.version)]
        for model in registry.versions(lake)
        if model.window_id
    ]


@pytest.mark.parametrize("poll", [None, 0.2], ids=["events", "polling"])
def test_what_lies_there_and_what_comes_is_trained_on_once_when_enough_is_there(lake, exports, poll):
    drive(exports, 0)()
    script = Script(
        ("1 of 2 new rollouts are there", drive(exports, 1)),
        ("the engine finds it in", drive(exports, 2)),
        ("1 of 2 new rollouts are there", drive(exports / "sub", 3)),
        ("the engine finds it in", nothing),
    )
    script.run(lake, exports, every=2, poll=poll)
    found = files_of(lake)
    assert [len(names) for names in found] == [2, 2] and len({name for names in found for name in names}) == 4
    pointer = (exports.parent / "Models" / "best_model_path.txt").read_text(encoding="utf-8")
    assert pointer.endswith("pitwall_v3.json") and engine.read_policy(pointer)[0] == []
    again = Script(("0 of 2 new rollouts are there", nothing))
    again.run(lake, exports, every=2, poll=poll)
    assert files_of(lake) == found


def test_a_folder_that_is_not_there_at_first_may_be_a_slip_and_is_said_with_the_nearest_that_is(lake, exports):
    slip = exports.parent / "Exprots"
    said = Script(
        ("Check the path; waiting until it is there", lambda: exports.rename(slip)), (f"{slip} is there", nothing)
    )
    lines = said.run(lake, slip)
    assert f"(its nearest folder that is: {exports.parent})" in lines[0]


def test_what_was_rejected_before_or_is_ignored_is_counted_once(lake, exports):
    (exports / "notes.txt").write_text("of mine")
    (exports / "rollout_9_20250101_000000.json").write_text("{}")
    drive(exports, 0)()
    script = Script(
        ("the engine finds it in", drive(exports, 1)), ("1 rollout with", nothing), ("the engine finds it in", nothing)
    )
    first, second = [line for line in script.run(lake, exports) if "experiences in" in line]
    assert first.endswith("1 file rejected; 1 ignored")
    assert second == "1 rollout with 64 experiences in; 1 in the lake already"


def test_a_folder_that_vanishes_is_waited_for(lake, exports):
    away = exports.with_name("away")

    def back() -> None:
        away.rename(exports)

    def another() -> None:
        exports.mkdir()
        drive(exports, 1)()

    gone = f"{exports} is not there; waiting until it is"
    said = Script(
        ("0 of 1 new", lambda: exports.rename(away)),
        (gone, back),
        (f"{exports} is there", drive(exports, 0)),
        ("the engine finds it in", lambda: exports.rename(away)),
        (gone, another),
        ("the engine finds it in", nothing),
    ).run(lake, exports)
    assert said.count(gone) == 2


def test_a_file_that_is_no_rollout_is_said_once_and_taken_when_it_is_whole(lake, exports):
    whole = collect(driver(1), exports.parent, 0, 64)
    half = exports / whole.name
    half.write_bytes(whole.read_bytes()[:3000])
    said = Script(
        (f"rejected {whole.name}", nothing),
        ("0 of 1 new", drive(exports, 1)),
        ("the engine finds it in", lambda: half.write_bytes(whole.read_bytes())),
        ("the engine finds it in", nothing),
    ).run(lake, exports)
    assert sum(line.startswith("rejected") for line in said) == 1
    assert files_of(lake) == [["rollout_1_20241225_140100.json"], [whole.name]]


def test_a_training_that_fails_is_tried_again_with_other_rollouts_only(lake, exports):
    drive(exports, 0)()
    said = Script(
        ("no version was made", lambda: (exports / "rollout_8.json").write_text("{}")),
        ("rejected rollout_8.json", drive(exports, 1)),
        ("no version was made", nothing),
    ).run(lake, exports, TrainConfig(epochs=2, hidden=(8,), learning_rate=1e30))
    assert [line for line in said if "training on" in line][1].startswith("training on 2 rollouts")
    assert sum("training on" in line for line in said) == 2


def test_a_policy_that_the_engine_did_not_get_is_handed_over_when_it_can_be(lake, exports):
    held = exports.parent / "Models" / "pitwall_v2.json"
    held.mkdir()
    drive(exports, 0)()
    Script(("the engine does not have it yet", held.rmdir), ("the engine gets version 2, late", nothing)).run(
        lake, exports
    )
    assert held.is_file() and len(registry.versions(lake)) == 2


def test_a_second_watch_in_one_home_is_refused(lake, exports):
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(SettingsRejected, match="another watch is at work") as error:
            watch(lake, exports, CONFIG, Reporter())
        refused.append(str(error.value))

    Script(("0 of 1 new", second)).run(lake, exports)
    assert "pitwall --home FOLDER watch" in refused[0]
