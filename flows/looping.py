"""Round and round: drive, ingest, train, publish, and now and then evaluate and promote.

Arrives: a lake and a `LoopConfig`. Leaves: versions, evaluations, a champion. Each lap writes down what it did when it
did it, and the next step is what is missing there: killed anywhere, a loop goes on and does nothing twice.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from flows.driving import Driving, driver_of, space_in
from flows.evaluating import evaluate, settings_of
from flows.fresh import fresh
from flows.landing import bring_in
from flows.moves import tell_decision
from flows.reporter import Reporter
from flows.training import train
from racing.collected import Collected
from schemas.errors import RolloutRejected, SettingsRejected
from schemas.loop import TEST, LoopConfig
from schemas.training import TrainConfig
from schemas.window import Window
from warehouse import attributions, lineage, loops, promotion, registry
from warehouse.aliases import CHAMPION
from warehouse.evaluations import Evaluation
from warehouse.lake import Lake
from warehouse.loops import LapRecord, Loop
from warehouse.promotion import Decision


@dataclass(frozen=True, kw_only=True)
class Lap:
    """What one lap did."""

    number: int
    """From 1."""
    version: int
    """That it made."""
    goes_on: int
    """The version that the next lap trains further."""
    collected: Collected | None
    """None where the rollout of an interrupted lap was there already."""
    metrics: dict[str, Any]
    seconds: dict[str, float]
    """Wall-clock time by stage; `lap` is the whole."""
    evaluation: Evaluation | None = None
    decision: Decision | None = None

    def words(self) -> str:
        """One line for people."""
        parts = [f"version {self.version}"]
        if self.collected is not None:
            parts.append(self.collected.words())
        parts.append(f"KL {self.metrics['kl']:.4f}")
        if self.evaluation is not None:
            parts.append(self.evaluation.words())
        if self.decision is not None and self.decision.champion == self.version:
            parts.append("champion")
        elif self.decision is not None:
            parts.append(f"not promoted, on from version {self.goes_on}")
        parts.append(", ".join(f"{name} {seconds:.2f}" for name, seconds in self.seconds.items()) + " s")
        return "  ".join(parts)


@dataclass
class LoopReport:
    """What a loop did, in this call."""

    loop_id: str
    start: int
    """The version that it began with."""
    iterations: int
    settings: dict[str, Any]
    """Of the evaluations that its versions were judged by."""
    laps: list[Lap] = field(default_factory=list)
    champion: int = 0
    evaluation: Evaluation | None = None
    """Of the champion, on tracks that had no say in promotion; elsewhere on the episodes of its judgement."""


def loop(
    lake: Lake,
    config: LoopConfig,
    iterations: int,
    report: Reporter,
    *,
    start: int | str | None = None,
    anew: bool = False,
    told: Callable[[Lap], None] = lambda lap: None,
) -> LoopReport:
    """Go round until the loop has `iterations` laps; an unfinished loop of this lake is continued, unless `anew`.

    It starts from `start`, else from the champion, else from a random policy. `told` hears of each lap. Versions stay
    here: the engine's folder gets one by `pitwall models deliver`.

    Raises:
        SettingsRejected: another loop runs in this home, an unfinished loop has other settings, the environment cannot
            be driven, or the champion drives another one.
        RolloutRejected: what was driven did not go into the lake, or its author is not who drove.
        TrainingStopped, LakeDamaged, ...: as `flows.training.train`; what was made until then stays.
    """
    with _alone(lake):
        begun = _begun(lake, config, iterations, start, anew)
        # A killed session may have left a whole rollout that nobody has read.
        if (folder := lake.paths.drives(begun.loop_id)).is_dir():
            report.say(f"looking for rollouts that {begun.loop_id} left when it was interrupted")
            report.stage("ingest", bring_in, lake, [folder], Reporter())
        session = loops.sessions(lake, begun.loop_id) + 1
        run_id = f"{begun.loop_id}.{session:03d}"
        drive = config.drive.model_copy(update={"seed": _seed(config.drive.seed, run_id)})
        with Driving(drive, folder / run_id, run_id) as driving:
            return _Laps(lake, begun, config, driving, report).run(told)


def unfinished(lake: Lake) -> tuple[LoopConfig, int, str | None] | None:
    """Settings, laps and start, as asked for, of the loop that was interrupted last, if it did not end since."""
    begun = loops.unfinished(lake)
    if begun is None:
        return None
    return LoopConfig.model_validate(begun.settings["config"]), begun.iterations, begun.settings["asked"]


@contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    """One loop at a time in a home; the system lets go of the lock when a process dies, however it does."""
    place = lake.paths.drives("loop.lock")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place, timeout=0):
            yield
    except Timeout:
        raise SettingsRejected(
            f"another loop is running in {lake.settings.home}. Wait for its end, or give this one a home of its own: "
            "pitwall --home FOLDER loop ..."
        ) from None


def _seed(seed: int, run_id: str) -> int:
    """Sessions and loops of one seed, and neighbouring seeds, share no stream of random numbers."""
    return int(np.random.SeedSequence([seed, *run_id.encode()]).generate_state(1)[0] % 2**31)


def _begun(lake: Lake, config: LoopConfig, iterations: int, start: int | str | None, anew: bool) -> Loop:
    """The loop to go on with: the unfinished one of these settings, or a new one."""
    begun = None if anew else loops.unfinished(lake)
    asked = {"config": config.model_dump(mode="json"), "asked": None if start is None else str(start)}
    if begun is None:
        return loops.begin(lake, asked | {"start": _start(lake, config, start)}, iterations)
    # an alias may have moved on since: what was asked for counts, not what it means today
    if begun.settings != asked | {"start": begun.settings["start"]} or begun.iterations != iterations:
        raise SettingsRejected(
            f"{begun.loop_id} was interrupted; it has {begun.iterations} laps and was begun with other settings than "
            "these. Go on with it: pitwall loop --resume. Leave it as it is and begin another: pitwall loop --new"
        )
    return begun


def _start(lake: Lake, config: LoopConfig, start: int | str | None) -> int:
    """The version to begin with; champion and start must drive in the loop's environment."""
    space = space_in(config.drive)
    if not registry.versions(lake):
        if start is not None:
            registry.get(lake, start)  # says that there is none
        return fresh(lake, space, config.train)
    for name in (CHAMPION, start or CHAMPION):
        model = registry.get(lake, name)
        learned = None if space.is_engine else lineage.environment(lake, model.version)
        if learned is not None and learned != config.drive.environment:
            raise SettingsRejected(
                f"version {model.version} ({name}) drives {learned}, not {config.drive.environment}. "
                "Give each kind of driver a home of its own: pitwall --home FOLDER loop ..."
            )
        if model.space != space:
            raise SettingsRejected(
                f"version {model.version} ({name}) has {len(model.space.observations)} observations and "
                f"{len(model.space.actions)} actions, {config.drive.environment} as it is driven here "
                f"{len(space.observations)} and {len(space.actions)}, or they are named otherwise. "
                "Give each kind of driver a home of its own: pitwall --home FOLDER loop ..."
            )
    return model.version


class _Laps:
    """The laps of one call."""

    def __init__(self, lake: Lake, begun: Loop, config: LoopConfig, driving: Driving, report: Reporter) -> None:
        self.lake, self.loop, self.config, self.driving, self.report = lake, begun, config, driving, report
        self.start = int(begun.settings["start"])
        self.driven: Collected | None = None  # that did not reach the lake yet
        self.task, self.settings = config.drive.environment, settings_of(config.drive, config.evaluate)

    def run(self, told: Callable[[Lap], None]) -> LoopReport:
        done = LoopReport(self.loop.loop_id, self.start, self.loop.iterations, self.settings)
        laps = sum(lap.goes_on is not None for lap in self._records())
        begins = f"goes on after {laps}" if laps else f"begins with version {self.start}, 0"
        self.report.say(f"{self.loop.loop_id} {begins} of {self.loop.iterations} laps in {self.task}")
        if self.config.evaluate_every:
            self._evaluate(self.start)
        while sum(lap.goes_on is not None for lap in self._records()) < self.loop.iterations:
            lap = self.report.stage("lap", self._lap)
            done.laps.append(lap)
            told(lap)
            self.report.progress("laps", lap.number, self.loop.iterations, f"version {lap.version}")
        done.champion = registry.get(self.lake, CHAMPION).version
        unseen = self.config.evaluate.model_copy(update={"first_track": TEST})
        done.evaluation = evaluate(self.lake, done.champion, self.config.drive, unseen, self.report)
        loops.finish(self.lake, self.loop.loop_id)
        return done

    def _lap(self) -> Lap:
        """Whatever is missing of the first lap that is not done; called again after an error, it does the rest."""
        inner, began = Reporter(self.report), time.perf_counter()
        records = self._records()
        collected = None
        if records and records[-1].goes_on is None:
            lap = records[-1]
            version = lap.version or loops.made(self.lake, lap, self._update(lap.lap).model_dump(mode="json"))
        else:
            head = records[-1].goes_on if records else self.start
            assert head is not None
            rollout, collected = self._rollout(head, [record.head for record in records], inner)
            version = None
            lap = loops.write(
                self.lake, self.loop.loop_id, LapRecord(lap=len(records) + 1, rollout_id=rollout, head=head)
            )
        metrics: dict[str, Any] = {} if version is None else registry.get(self.lake, version).metrics
        if version is None:
            version, metrics = self._train(lap, records, inner)
        lap = loops.write(self.lake, self.loop.loop_id, replace(lap, version=version))
        evaluation, decision = None, None
        if self._is_due(lap.lap):
            evaluation, decision = inner.stage("evaluate", self._judge, version)
        promoted = None if decision is None else decision.champion == version
        goes_on = version
        if decision is not None and self.config.go_on_from == "champion":
            goes_on = decision.champion
        loops.write(self.lake, self.loop.loop_id, replace(lap, promoted=promoted, goes_on=goes_on))
        return Lap(
            number=lap.lap,
            version=version,
            goes_on=goes_on,
            collected=collected,
            metrics=metrics,
            seconds=inner.seconds | {"lap": time.perf_counter() - began},
            evaluation=evaluation,
            decision=decision,
        )

    def _rollout(self, head: int, heads: list[int], inner: Reporter) -> tuple[str, Collected | None]:
        """A rollout that no lap has yet: one that an interrupted lap left, else one that is driven now."""
        if self.driven is None and (left := loops.waiting(self.lake, self.loop.loop_id)) is not None:
            return left, None
        driver = [*[self.start] * self.config.lag, *heads, head][len(heads)]
        if self.driven is None:
            self.driven = inner.stage("drive", self._drive, driver)
        # After an error the file may be in the lake already, and only its author be missing; then this finds it.
        came = inner.stage("ingest", bring_in, self.lake, [self.driven.path], Reporter())
        collected, self.driven = self.driven, None
        if (rollout := loops.waiting(self.lake, self.loop.loop_id)) is None:
            said = [*came.rejected_files.values(), *came.left.values(), *came.duplicates.values()]
            said += attributions.messages(self.lake, came.rollouts)
            raise RolloutRejected(
                f"{collected.path.name}: driven with version {driver}, but it cannot be trained on: {'; '.join(said)}. "
                "The next call drives another one; if this comes again, look at: pitwall rejects"
            )
        return rollout, collected

    def _drive(self, version: int) -> Collected:
        def progress(done: int, total: int) -> None:
            self.report.progress("steps", done, total)

        return self.driving.collect(driver_of(self.lake, version), progress)

    def _train(self, lap: LapRecord, before: list[LapRecord], inner: Reporter) -> tuple[int, dict[str, Any]]:
        driven = [record.rollout_id for record in before if record.lap < lap.lap] + [lap.rollout_id]
        window = Window(rollouts=tuple(driven[-self.config.window :]))
        trained = train(self.lake, window, self._update(lap.lap), inner, parent=lap.head, to_engine=False)
        assert trained.published is not None  # it was asked for in any case
        return trained.published.version, trained.metrics

    def _update(self, number: int) -> TrainConfig:
        """The configuration of one lap's update."""
        config = self.config.train
        left = 1 - (number - 1) / self.loop.iterations if self.config.anneal else 1.0
        changes = {"seed": config.seed + number - 1, "learning_rate": config.learning_rate * left}
        return config.model_copy(update=changes)

    def _is_due(self, number: int) -> bool:
        every = self.config.evaluate_every
        return number == self.loop.iterations or bool(every and number % every == 0)

    def _evaluate(self, version: int) -> Evaluation:
        return evaluate(self.lake, version, self.config.drive, self.config.evaluate, self.report)

    def _judge(self, version: int) -> tuple[Evaluation, Decision]:
        """Evaluate, and promote where the evidence does not speak against it."""
        evaluation = self._evaluate(version)
        self._evaluate(registry.get(self.lake, CHAMPION).version)
        risk = self.config.risk
        decision = promotion.promote_if_not_worse(self.lake, version, self.task, self.settings, risk)
        tell_decision(self.lake, decision, self.report)
        return evaluation, decision

    def _records(self) -> list[LapRecord]:
        return loops.laps(self.lake, self.loop.loop_id)
