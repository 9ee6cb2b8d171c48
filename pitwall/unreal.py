"""What the racing plugin starts in place of its own training script: `EXPORT_DIR MODEL_DIR EPOCHS`.

Arrives: three arguments, as a program on Windows hands them over. Leaves: lines on standard output, a policy
`model_epoch_<EPOCHS>.json` in MODEL_DIR, its path in `best_model_path.txt`, and an exit code: 0 the engine has the
newest policy, 1 it has not, 2 wrong arguments or settings, 130 interrupted. The script that calls it:
integrations/unreal/train_pytorch.py.
"""

import os
import re
import shutil
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pitwall.log_lines import LogLines
from schemas.errors import PitwallError, SettingsRejected, StorageBusy, Transient

if TYPE_CHECKING:
    from flows.catching_up import CaughtUp
    from schemas.settings import Settings
    from warehouse.lake import Lake

USAGE = "usage: train_pytorch.py EXPORT_DIR MODEL_DIR EPOCHS"
HELP = (
    USAGE,
    "Trains on the rollouts in EXPORT_DIR that are new, EPOCHS times, and puts the next policy into MODEL_DIR.",
    "EXPORT_DIR: where the engine exports rollout_*.json, e.g. Saved/Training/Exports",
    "MODEL_DIR: where the engine loads from, e.g. Saved/Training/Models; best_model_path.txt there names the policy",
    "Exit codes: 0 the engine has the newest policy, 1 it has not, 2 wrong arguments or settings, 130 interrupted.",
    "More: docs/unreal.md",
)
_KEPT = ".before_pitwall.json"
_HANDS_OVER = 5
"""Times that a file is offered to an engine that holds it, a second apart."""


def main(arguments: list[str]) -> int:
    """Train on what is new in EXPORT_DIR; returns the exit code, and raises nothing but KeyboardInterrupt's kin."""
    lines = LogLines(each=("epochs",))
    if {"-h", "--help"} & set(arguments):
        for line in HELP:
            lines.say(line)
        return 0
    try:
        exports, models, epochs = _arguments(arguments)
        os.chdir(project_of(exports))  # pitwall.toml and the home lie beside the project, wherever we were started
        return _train(settings_for(exports, models, epochs), epochs, lines)
    except SettingsRejected as error:
        lines.say(f"error: {error}")
        return 2
    except PitwallError as error:
        lines.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        lines.say("interrupted; what was committed stays, and the next start goes on from there")
        return 130
    except Exception:  # the plugin shows standard output alone: a fault of ours has to be seen there
        for line in traceback.format_exc().splitlines():
            lines.say(line)
        return 1


def project_of(exports: Path) -> Path:
    """The folder of the .uproject file above the exports; without one, the folder above `Saved`, or above them."""
    for folder in exports.parents:
        if any(folder.glob("*.uproject")):
            return folder
    return next((folder.parent for folder in exports.parents if folder.name == "Saved"), exports.parent)


def settings_for(exports: Path, models: Path, epochs: int) -> "Settings":
    """The settings beside the project, with the folders that the plugin gave; a name of theirs for policies stays."""
    from schemas.settings import Settings

    named = "engine_model_name" in Settings.load().model_fields_set
    name = None if named else f"model_epoch_{epochs}"
    return Settings.load(landing=exports, engine_models_dir=models, engine_model_name=name)


def _arguments(arguments: list[str]) -> tuple[Path, Path, int]:
    """Absolute folders that are there, and the epochs."""
    from warehouse.engine_policies import check_not_swapped

    if any('"' in word for word in arguments) and not all(Path(word).is_dir() for word in arguments[:2]):
        # "C:\My Project\" ends in \", which Windows takes for a quote within the argument: there arguments run together
        arguments = [word.strip() for word in re.split(r'"', " ".join(arguments)) if word.strip()]
        arguments = [*arguments[:2], *" ".join(arguments[2:]).split()]
    if len(arguments) != 3:
        raise SettingsRejected(f"{len(arguments)} arguments, wanted 3. {USAGE}. What came: {arguments}")
    exports, models = (_folder(word) for word in arguments[:2])
    number = arguments[2].strip(" \t\r\n'")
    if not re.fullmatch(r"[0-9]{1,6}", number) or int(number) < 1:
        raise SettingsRejected(f"EPOCHS is {arguments[2]!r}, wanted a whole number from 1. {USAGE}")
    if not exports.is_dir():
        raise SettingsRejected(
            f"EXPORT_DIR is {exports}, which is no folder. Let the engine export rollouts first, or mend the plugin's "
            "setting (wanted <Project>/Saved/Training/Exports)"
        )
    check_not_swapped(exports, models)
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsRejected(f"MODEL_DIR is {models}, which cannot be made ({error.strerror or error})") from error
    return exports, models, int(number)


def _folder(word: str) -> Path:
    word = word.strip(" \t\r\n'")
    path = Path(word)
    if os.sep == "/" and "\\" in word and not path.exists():
        path = Path(word.replace("\\", "/"))
    return path.absolute()


def _train(settings: "Settings", epochs: int, lines: LogLines) -> int:
    from schemas.training import plugin_script
    from warehouse.lake import Lake

    began = time.perf_counter()
    lines.say(f"Pitwall: home {settings.home.absolute()}")
    lake = Lake.open(settings)
    try:
        from flows.catching_up import catch_up

        _keep_what_others_wrote(settings, lines)
        config = plugin_script().model_copy(update={"epochs": epochs})
        assert settings.landing is not None
        done = catch_up(lake, settings.landing, config, lines)
        return _told(lake, done, lines, began)
    finally:
        lake.catalog.engine.dispose()


def _told(lake: "Lake", done: "CaughtUp", lines: LogLines, began: float) -> int:
    from flows.catching_up import refuted_lines, report_if_asked
    from flows.summary import version_line
    from warehouse.engine_policies import pointed_at

    trained, models = done.trained, lake.settings.engine_models_dir
    assert models is not None
    for path, why in done.came.left.items():
        lines.say(f"left {Path(path).name}: {why}; the next start looks again")
    for line in refuted_lines(done.refuted):
        lines.say(line)
    if trained is None:
        return _nothing_new(done, pointed_at(models), lines)
    lines.say(version_line(trained))
    for note in trained.notes:
        lines.say(f"note: {note}")
    if trained.engine_file is None and not _hand_over(lake, lines):
        return 1
    report_if_asked(lake, trained, lines)
    lines.say(f"done in {time.perf_counter() - began:.1f} s: best_model_path.txt names {pointed_at(models)}")
    return 0


def _nothing_new(done: "CaughtUp", policy: Path | None, lines: LogLines) -> int:
    if done.came.rejected:
        lines.say("error: nothing is trained, for what is new was turned away. Look at it: pitwall rejects")
        return 1
    if refuted := [name for name in done.came.rollouts if name in done.refuted]:
        lines.say(
            f"error: nothing is trained: {len(refuted)} of {len(done.came.rollouts)} new "
            f"rollouts {'claims' if len(refuted) == 1 else 'claim'} a version that did not drive"
        )
        return 1
    if policy is None:
        lines.say("error: there is no rollout to train on, and no policy. Let the engine drive and export some first")
        return 1
    lines.say(f"nothing new: the lake holds all {len(done.came.known)} files already. The engine has {policy}")
    return 0


def _hand_over(lake: "Lake", lines: LogLines) -> bool:
    """Offer the version again that the engine's hold on a file kept away."""
    from flows.catching_up import hand_over_what_is_owed

    for _ in range(_HANDS_OVER):
        time.sleep(1)
        try:
            hand_over_what_is_owed(lake, lines)
        except Transient as error:
            lines.say(f"not yet: {error}")
        else:
            return True
    lines.say("error: the version is published, but the engine has not got it. The next start hands it over")
    return False


def _keep_what_others_wrote(settings: "Settings", lines: LogLines) -> None:
    """A policy of another trainer under the name that ours will take is kept beside it."""
    models = settings.engine_models_dir
    assert models is not None
    theirs = models / f"{settings.engine_model_name}.json"
    kept = theirs.with_suffix(_KEPT)
    if not theirs.is_file() or kept.exists():
        return
    try:
        if _is_ours(theirs.read_bytes()):
            return
        shutil.copyfile(theirs, kept)
    except OSError as error:
        raise StorageBusy(
            f"{theirs}: it is another trainer's, and cannot be copied to {kept.name} ({error.strerror or error}). "
            "Close the program that holds it, then start again"
        ) from error
    lines.say(f"{theirs.name} is another trainer's; a copy stays in {kept.name}")


def _is_ours(raw: bytes) -> bool:
    """Whether Pitwall wrote this policy; its mark is the last key of the file."""
    return b'"pitwall":{"version":' in raw[-400:].replace(b" ", b"")
