"""The training as a Prefect flow: a window of the lake into the next version, by hand, on a schedule or by an event.

Arrives: parameters of a run, checked (Prefect shows them as a form). Leaves: a state that names the version, its
account, its figures by epoch, links to model and report.
"""

from pathlib import Path
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import pages, summary
from flows.prefect_reporter import PrefectReporter
from flows.reporting import report_if_possible
from flows.schedule import missed
from flows.training import TrainReport
from flows.training import train as train_now
from schemas.errors import SettingsRejected, WindowEmpty
from schemas.manifest import ENGINE
from schemas.settings import Settings
from schemas.training import NAMED, Count, TrainConfig
from schemas.window import RECENT, Window
from warehouse.lake import Lake
from warehouse.lineage import is_empty

_ENGINE = TrainConfig()
_SESSIONS = 3
"""As tags of a run: the last ones of its window, which may hold hundreds."""


def _name() -> str:
    asked = flow_run.parameters
    window = Window.model_validate(asked.get("window") or RECENT)
    words = f"train {summary.window_words(window)}"
    if asked.get("parent") is not None:
        words += f" from {asked['parent']}"
    return words if asked.get("at_least_new", 0) == 0 else f"{words} if enough is new"


@flow(name="train", flow_run_name=_name, persist_result=False)
def train(
    window: Window = RECENT,
    config: TrainConfig = _ENGINE,
    named: Literal["engine", "plugin_script", "racing", "cleanrl_continuous", "pendulum"] | None = None,
    parent: int | str | None = None,
    at_least_new: int | None = 0,
    processes: Count | None = None,
    reports: bool = True,
) -> State[Any]:
    """Train the next version from a window of the lake, prove its exports equal, publish it.

    Args:
        window: Which rollouts to train on.
        config: Every detail of PPO; the defaults are the racing engine's own.
        named: A known configuration in place of `config`.
        parent: Version or alias to start from; empty for the policy that collected the window.
        at_least_new: Do nothing unless so many rollouts of the window are new to training; 0 trains in any case, empty
            takes the setting `new_rollouts`, as the schedule does.
        processes: So many processes on this machine share the update, under torchrun; empty for what the configuration
            says, which is one.
        reports: Write the version's report, once it is published.
    """
    if reason := missed():
        return _nothing(reason)
    if named is not None and config != _ENGINE:
        raise SettingsRejected(f"both named ({named!r}) and config are given, wanted one of them. Leave one empty")
    settings = Settings.load()
    chosen = NAMED[named]() if named else config
    wanted = settings.new_rollouts if at_least_new is None else at_least_new
    lake = Lake.open(settings)
    reporter = PrefectReporter()
    try:
        done = train_now(
            lake,
            window,
            chosen if processes is None else chosen.model_copy(update={"processes": processes}),
            reporter,
            parent=parent,
            at_least_new=wanted,
        )
        if reports and done.published is not None:
            report_if_possible(lake, done.published.version, reporter)
    except WindowEmpty as error:
        if not (wanted or is_empty(lake)):
            raise
        return _nothing(f"nothing to do: {error}")
    finally:
        lake.catalog.engine.dispose()
    if done.published is None:
        return _nothing(done.reason)
    _show(done, lake.paths.report(done.published.version))
    folder = done.published.folder.absolute()
    return Completed(message=f"version {done.published.version} is published in {folder}")


def _show(done: TrainReport, report: Path) -> None:
    """Each key gathers the history over versions; the report is linked where it was made."""
    assert done.published is not None
    version, folder = done.published.version, done.published.folder
    pages.text("version-summary", summary.train_lines(done), f"Version {version}")
    pages.table("version-metrics", summary.epoch_rows(done.metrics), f"Version {version}, by epoch")
    pages.link(
        "version-model",
        folder / ENGINE,
        f"version {version}",
        f"What the engine loads of version {version}; beside it lie the other files of the version.",
    )
    pages.link("version-report", report, f"report of version {version}", f"Data, learning and lineage of {version}.")
    runs = list(dict.fromkeys(member.run_id for member in done.window.rollouts))
    pages.rename(lambda _: summary.train_words(done), [f"v{version}", *runs[-_SESSIONS:]])


def _nothing(reason: str) -> State[Any]:
    return Completed(name="NothingToDo", message=reason)
