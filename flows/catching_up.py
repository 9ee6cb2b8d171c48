"""Ingest, train, publish: everything that new rollouts of an engine ask for, in one call.

Arrives: a lake whose settings name the engine's folders. Leaves: a new version in the engine's folder, or a clear
"nothing new". Killed at any point, the next call does what is missing; a second call at the same time waits.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from flows.adopting import adopt
from flows.judging import judge_if_asked
from flows.landing import bring_in
from flows.publishing import hand_over
from flows.reporter import Reporter
from flows.training import TrainReport, train
from schemas.errors import WindowEmpty
from schemas.training import TrainConfig
from schemas.window import RECENT, Window
from warehouse import attributions, lineage, registry
from warehouse.aliases import LATEST
from warehouse.engine_folder import check_engine_folder
from warehouse.engine_policies import delivered_at
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake
from warehouse.windows import choose

_TOLD = 20
"""Lines on rejected files and rows."""


@dataclass(frozen=True)
class CaughtUp:
    """What a call did."""

    came: IngestReport
    new: tuple[str, ...]
    """Rollouts among the newest that no version was trained on, before this call trained."""
    trained: TrainReport | None = None
    """None with fewer new rollouts than wanted."""
    adopted: list[int] = field(default_factory=list)
    """Versions that lay in the engine's folder and drove."""
    refuted: dict[str, str] = field(default_factory=dict)
    """Of the newest rollouts those that are not trained on, since their claim is refuted: by id, how."""


def catch_up(
    lake: Lake,
    exports: Path,
    config: TrainConfig,
    report: Reporter,
    *,
    every: int = 1,
    skip: tuple[str, ...] = (),
    told: set[str] | None = None,
) -> CaughtUp:
    """Bring in what lies in `exports`; with `every` new rollouts, train on them and hand the version to the engine.

    New are those of the newest 20 (or `every`, if that is more) that no version was trained on; each is trained on
    once. Exactly the rollouts `skip`, which failed before, are not tried again. Where no registered policy collected
    them, the policies in the engine's folder are tried. A version that the engine should have had, and did not get, is
    handed over. Files in `told` that were rejected before, or are ignored, are not counted again; it grows.

    Raises:
        SettingsRejected: a folder is not there.
        TrainingStopped, ParityBroken, WindowEmpty, ...: as `flows.training.train`; nothing is published.
        CatalogBusy, StorageBusy: the same call goes on from there.
    """
    check_engine_folder(lake.settings)
    with _one_at_a_time(lake, report):
        # We train ourselves: an automation must not be called to do it as well.
        came = bring_in(lake, [exports], report, call=False, told=told)
        _tell_rejects(came, report)
        if came.accepted:
            judge_if_asked(lake, report)
        models, adopted, trained = lake.settings.engine_models_dir, list[int](), None
        new = new_rollouts(lake, every)
        if len(new) >= every and models is not None and (adopted := adopt(lake, models, new, report)):
            # A rollout whose values name an author, and whose log-probabilities do not, is left out now.
            new = new_rollouts(lake, every)
        if len(new) < every or new == skip:
            hand_over_what_is_owed(lake, report)
        else:
            _tell_older(lake, came, new, report)
            trained = train(lake, Window(rollouts=new), config, report)
        refuted = attributions.refuted(lake, _newest(lake, every, refuted=True))
        return CaughtUp(came, new, trained, adopted, refuted)


def new_rollouts(lake: Lake, every: int) -> tuple[str, ...]:
    """Of the newest 20 rollouts, or `every` if that is more, those that no version was trained on."""
    return tuple(lineage.new_to_training(lake, _newest(lake, every)))


def refuted_lines(refuted: Mapping[str, str]) -> list[str]:
    """What is to be said of rollouts whose claim is refuted, and what to do."""
    counted = Counter(how.rstrip(".") for how in refuted.values())
    return [
        f"{count} {'rollout is' if count == 1 else 'rollouts are'} NOT trained on: {'it' if count == 1 else 'each'} "
        f"{how}. Mend policy_version in the engine; if that is a count of the engine's own, set "
        'claims = "ignore" in pitwall.toml'
        for how, count in counted.most_common(_TOLD)
    ]


def report_if_asked(lake: Lake, trained: TrainReport, report: Reporter) -> None:
    """The page about a version, where the setting `reports` wants it; what stands in its way harms nothing."""
    if lake.settings.reports and trained.published is not None:
        report.say(f"gathering what is known of version {trained.published.version}")
        from flows.reporting import report_if_possible

        if page := report_if_possible(lake, trained.published.version, report):
            report.say(f"what is known of version {trained.published.version}: {page.absolute()}")


def hand_over_what_is_owed(lake: Lake, report: Reporter) -> None:
    """Give the engine the version that training made and it did not get: killed in between, or a file was held.

    Where returns decide, it is the version that they decide for.

    Raises:
        StorageBusy: the engine still holds the file, or the disk is full.
    """
    judge_if_asked(lake, report)
    folder = lake.settings.engine_models_dir
    if folder is None or lake.settings.promotion == "returns" or not registry.versions(lake):
        return
    latest = registry.get(lake, LATEST)
    if latest.start not in ("warm", "clone") or latest.dropped_at is not None:
        return
    made, delivered = latest.created_at.replace(tzinfo=datetime.UTC).timestamp(), delivered_at(folder)
    if delivered is None or delivered < made:
        report.say(f"the engine gets version {latest.version}, late: {hand_over(lake, latest.version)}")


@contextmanager
def _one_at_a_time(lake: Lake, report: Reporter) -> Iterator[None]:
    """A second call waits; the system lets go of the lock when a process dies, however it does."""
    lock = FileLock(lake.paths.lock("catch-up"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report.say(f"another training is at work in {lake.settings.home}; this one waits for its end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _newest(lake: Lake, every: int, *, refuted: bool = False) -> list[str]:
    try:
        found = choose(lake, Window(newest=max(every, RECENT.newest or every), refuted=refuted))
    except WindowEmpty:
        return []
    return [member.rollout_id for member in found.rollouts]


def _tell_older(lake: Lake, came: IngestReport, new: tuple[str, ...], report: Reporter) -> None:
    """What came in and is too old to be trained on, or of other observations, is said: it is not looked at again."""
    if left := set(lineage.new_to_training(lake, came.rollouts)).difference(new):
        report.say(
            f"{len(left):,} more came in and are not trained on: only the newest {len(new)} are, since older policies "
            f"drove the others. They stay in the lake; to train on them all the same: pitwall train --newest "
            f"{len(left) + len(new)}"
        )


def _tell_rejects(came: IngestReport, report: Reporter) -> None:
    lines = [f"rejected {Path(path).name}: {reason}" for path, reason in came.rejected_files.items()]
    lines += [f"rejected {Path(path).name}: {why}" for path, reasons in came.rejected_rows.items() for why in reasons]
    for line in lines[:_TOLD]:
        report.say(line)
    if len(lines) > _TOLD:
        report.say(f"... and {len(lines) - _TOLD} more; see: pitwall rejects")
