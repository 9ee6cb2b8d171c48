"""`docs/results.md` and its plots, from the results that are there.

Arrives: `docs/results/<proof>/<name>-<seed>.json`. Leaves: tables with date, machine and seeds; PNG files beside them.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from benchmarks.proofs.course import RESULTS
from benchmarks.proofs.scores import TASKS
from benchmarks.proofs.staleness import LAGS, WAYS

Result = dict[str, Any]
OURS = "pitwall"
GOAL = 0.95
"""Share of drives that finish a lap."""
_GOAL_LAG = 8
_LAST = 100
"""Episodes whose mean return is a run's score, as in CleanRL's tables."""
_COLOURS = ("#d1342b", "#2a6f97", "#6a994e", "#bc6c25")


def report() -> None:
    """Write the page; a proof without results is said to be missing."""
    parts = [_HEAD, _racing(), _scores(), _staleness(), _noise(), _speed()]
    target = RESULTS.parent / "results.md"
    target.write_text("\n".join(parts), encoding="utf-8")
    print(f"{target} is written")


_HEAD = """# Results

Whole trainings through the whole pipeline: rollouts as JSON files, lake, SQL window, PPO, export, registry. One process
and one thread each, on a machine whose cores are shared: compare what stands in one table. Each run is one file under
`docs/results/`, with its configuration, versions and every lap. Again: `python -m benchmarks.proofs PROOF`, then
`python -m benchmarks.proofs report`.
"""


def _load(proof: str) -> dict[str, list[Result]]:
    """Results by name, in order of their seeds."""
    found: dict[str, list[Result]] = defaultdict(list)
    for path in sorted((RESULTS / proof).glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[result["name"]].append(result)
    return {name: sorted(results, key=lambda one: int(one["seed"])) for name, results in found.items()}


def _section(title: str, found: dict[str, list[Result]], lines: Iterable[str]) -> str:
    if not found:
        return f"## {title}\n\nNot run yet.\n"
    every = [result for results in found.values() for result in results]
    dates = sorted({result["date"] for result in every})
    seeds = sorted({result["seed"] for result in every})
    about = f"{dates[0]}{'' if len(dates) == 1 else f' to {dates[-1]}'}, {every[0]['machine']}, seeds {seeds}."
    return "\n".join([f"## {title}\n", about, "", *lines, ""])


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _racing() -> str:
    found = _load("racing")
    rows = []
    for name, results in found.items():
        for result in results:
            at = next((lap for lap in result["laps"] if _finished(lap) >= GOAL), None)
            last = next(lap for lap in reversed(result["laps"]) if lap["evaluation"])
            rows.append([
                name, str(result["seed"]),
                "not reached" if at is None else f"{at['steps']:,}",
                "" if at is None else _minutes(result, at["lap"]),
                _minutes(result, last["lap"]), f"{last['steps']:,}",
                f"{max(map(_finished, result['laps'])):.0%}", f"{_finished(last):.0%}",
                f"{last['evaluation']['speed']['mean']:.1f}",
            ])  # fmt: skip
    head = ["learner", "seed", "steps to 95 %", "minutes to it", "minutes in all", "steps", "best", "at the end", "m/s"]
    text = [
        "Share of 80 deterministic drives on 20 unseen tracks that finish a lap, from a random policy; evaluated",
        "every 5 rollouts of 2048 steps. Minutes hold everything but the evaluations: of ours, driving, JSON, lake,",
        "training, exports and registry. The peer has the same rollouts, minibatches, epochs and network. It drives as",
        "its users let it, with single environments and its own learning rate; and once more with our vector",
        "environment, learning rate and target KL, which leaves as difference the learner and the pipeline.", "",
    ]  # fmt: skip
    curves = {
        name: [[(lap["steps"], 100 * _finished(lap)) for lap in one["laps"] if lap["evaluation"]] for one in results]
        for name, results in found.items()
    }
    plot = _plot("racing", curves, "finished laps, %")
    return _section("Racing", found, [*text, *_table(head, rows), "", *_against_peers(found), "", plot])


def _against_peers(found: dict[str, list[Result]]) -> list[str]:
    """Goals: not later than a peer in steps, and at most half its wall-clock."""
    lines = []
    for name in (name for name in found if name != OURS and OURS in found):
        sides = [_steps_and_minutes(results) for results in (found[OURS], found[name])]
        if None in sides:
            continue
        (steps, minutes), (their_steps, their_minutes) = cast(list[tuple[float, float]], sides)
        lines.append(
            f"- Against {name}, means over seeds: {steps:,.0f} steps to 95 %, {their_steps:,.0f} of the peer "
            f"(goal: not later, {_reached(steps <= their_steps)}); {minutes:.2f} minutes in all, {their_minutes:.2f}: "
            f"{minutes / their_minutes:.2f} (goal: 0.5, {_reached(minutes <= their_minutes / 2)})."
        )
    return lines


def _reached(holds: bool) -> str:
    return "reached" if holds else "not reached"


def _steps_and_minutes(results: list[Result]) -> tuple[float, float] | None:
    """Means over seeds; None where a seed never came to 95 %, or a lap was interrupted."""
    steps = [next((lap["steps"] for lap in result["laps"] if _finished(lap) >= GOAL), None) for result in results]
    laps = [lap["seconds"] for result in results for lap in result["laps"]]
    if None in steps or None in laps:
        return None
    return statistics.mean(filter(None, steps)), sum(map(_lasted, laps)) / 60 / len(results)


def _finished(lap: Result) -> float:
    return float(lap["evaluation"]["finished"]["mean"]) if lap["evaluation"] else 0.0


def _minutes(result: Result, until: int) -> str:
    """Of all laps until that one; those that were interrupted are missing, and said to be."""
    some = [lap["seconds"] for lap in result["laps"] if lap["lap"] <= until]
    missing = some.count(None)
    minutes = sum(map(_lasted, filter(None, some))) / 60
    return f"{minutes:.2f}" + (f" without {missing} laps" if missing else "")


def _lasted(seconds: dict[str, float]) -> float:
    """A lap without its evaluation, which only watches."""
    return float(seconds.get("lap", sum(seconds.values())) - seconds.get("evaluate", 0))


def _scores() -> str:
    found = _load("scores")
    rows = []
    for task in (task for task in TASKS if task.name in found):
        results = found[task.name]
        scores = [_score(result) for result in results]
        laps = [lap for result in results for lap in result["laps"] if lap["seconds"] is not None]
        overhead = statistics.median(map(_overhead, laps))
        rows.append([
            task.name, f"{results[0]['laps'][-1]['steps']:,}", ", ".join(f"{score:.0f}" for score in scores),
            f"{statistics.mean(scores):.0f}", f"{task.published:g}", f"{overhead:.2f}",
        ])  # fmt: skip
    head = ["loop", "steps", "return by seed", "mean", "published", "pipeline, s per lap"]
    text = [
        f"Mean return of the last {_LAST} training episodes, noise included. The named loops are those of",
        "`schemas/loop.py` (`pitwall --home cheetah loop --named half_cheetah --iterations 489`); each lap trains on",
        "the newest rollout of 2048 alone.",
        "Published: CleanRL's ppo_continuous_action at 1 M steps (docs.cleanrl.dev); for Pendulum, which is not in its",
        "table, RL Zoo's PPO, -172 +- 104, driven without exploration (rl-baselines3-zoo, benchmark.md). Pipeline: the",
        "median lap's seconds beside driving and the update itself; the goal is 0.5.", "",
    ]  # fmt: skip
    curves = {
        name: [_returns(result) for result in results] for name, results in found.items() if name != "inverted_pendulum"
    }
    return _section("Public environments", found, [*text, *_table(head, rows), "", _plot("scores", curves, "return")])


def _score(result: Result) -> float:
    returns: list[float] = [value for lap in result["laps"] for value in lap["returns"]]
    return statistics.mean(returns[-_LAST:])


def _returns(result: Result, width: int = 10) -> list[tuple[int, float]]:
    """(steps, mean return of the episodes of some laps)."""
    points = []
    for at in range(0, len(result["laps"]), width):
        some = result["laps"][at : at + width]
        if values := [value for lap in some for value in lap["returns"]]:
            points.append((some[-1]["steps"], statistics.mean(values)))
    return points


def _overhead(lap: Result) -> float:
    """Seconds of a lap beside driving (with its JSON) and the update itself."""
    return _lasted(lap["seconds"]) - float(lap["seconds"].get("drive", 0)) - float(lap["update_seconds"])


def _staleness() -> str:
    found = _load("staleness")
    if "decoupled-0" not in found:
        return _section("How old may experiences be?", {}, [])
    fresh = statistics.mean(_late(result) for result in found["decoupled-0"])
    rows, curves = [], {}
    for way in WAYS:
        points = [(0, fresh)]
        for lag in LAGS[1:]:
            if results := found.get(f"{way}-{lag}"):
                scores = [_late(result) for result in results]
                points.append((lag, statistics.mean(scores)))
                rows.append([
                    str(lag), way, ", ".join(f"{score:.0f}" for score in scores),
                    f"{statistics.mean(scores):.0f}", f"{statistics.mean(scores) / fresh:.0%}",
                ])  # fmt: skip
        curves[way] = [points]
    text = [
        "InvertedPendulum-v5, 100 laps of 2048 steps; each lap drives with the version that is so many laps older than",
        "the one being trained. Mean return of the episodes of the last 20 laps. Fresh data: "
        + ", ".join(f"{_late(result):.0f}" for result in found["decoupled-0"])
        + f", mean {fresh:.0f}.",
        "Both objectives recompute advantages with the current critic in each epoch (`recompute_advantages`);",
        "`recorded` is the decoupled one with recorded values, of a critic as old as the rows: that loses the task at",
        "a lag of 4, where both others hold it. At lag 8 the decoupled objective learns as fast as on fresh data, and",
        "then falls back now and again: rows tell of a fall 8 updates late. Plain PPO clips around the policy that",
        "collected, which is slow and safe; `longer` is that, for 200 laps.", "",
        *_at_the_goal(found, fresh), "",
    ]  # fmt: skip
    head = ["lag, versions", "way", "return by seed", "mean", "of fresh"]
    plot = _plot("staleness", curves, "return", "versions")
    return _section("How old may experiences be?", found, [*text, *_table(head, rows), "", plot])


def _at_the_goal(found: dict[str, list[Result]], fresh: float) -> list[str]:
    """What each way keeps at the lag of the goal."""
    lines = []
    for way in WAYS:
        if results := found.get(f"{way}-{_GOAL_LAG}"):
            share = statistics.mean(map(_late, results)) / fresh
            lines.append(f"- Lag {_GOAL_LAG}, {way}: {share:.0%} of fresh (goal: 90 %, {_reached(share >= 0.9)}).")
    return lines


def _late(result: Result) -> float:
    last = result["laps"][-20:]
    values = [value for lap in last for value in lap["returns"]]
    return statistics.mean(values) if values else float("nan")


def _noise() -> str:
    found = _load("noise")
    rows = []
    for name, results in found.items():
        for result in results:
            last = next(lap for lap in reversed(result["laps"]) if lap["evaluation"])
            rows.append([name, str(result["seed"]), f"{last['steps']:,}", f"{_finished(last):.0%}",
                         f"{last['evaluation']['progress']['mean']:.2f}"])  # fmt: skip
    text = [
        "The racing loop in three ways, each one step from the one before: the engine's noise factor solved per",
        "episode and clamped actions counted by their probability (`solved`), by densities (`solved-density`), and",
        "the factor ignored too (`ignored`), as the plugin's trainer does: then ratios start far from 1.", "",
    ]  # fmt: skip
    curves = {
        name: [[(lap["steps"], 100 * _finished(lap)) for lap in one["laps"] if lap["evaluation"]] for one in results]
        for name, results in found.items()
    }
    head = ["way", "seed", "steps", "finished laps", "laps driven"]
    plot = _plot("noise", curves, "finished laps, %")
    return _section("What knowing the noise is worth", found, [*text, *_table(head, rows), "", plot])


def _speed() -> str:
    path = RESULTS / "speed.json"
    if not path.exists():
        return _section("Speed", {}, [])
    result = json.loads(path.read_text(encoding="utf-8"))
    rows = [[name, f"{figure:,.3g}" if figure < 10 else f"{figure:,.0f}"] for name, figure in result["figures"].items()]
    text = [f"## Speed\n\n{result['date']}, {result['machine']}, one thread, the best of some rounds.\n"]
    return "\n".join([*text, *_table(["what", "figure"], rows), ""])


def _plot(name: str, curves: dict[str, list[list[tuple[int, float]]]], label: str, unit: str = "steps") -> str:
    """A PNG with a panel for each curve whose scale is its own, or one panel for all; returns its Markdown."""
    from matplotlib.figure import Figure

    if not any(points for runs in curves.values() for points in runs):
        return ""
    apart = name == "scores"
    figure = Figure(figsize=(8, 2.4 * len(curves) if apart else 3.6), layout="constrained")
    panels = list(figure.subplots(len(curves) if apart else 1, squeeze=False)[:, 0])
    for at, (curve, runs) in enumerate(sorted(curves.items())):
        panel = panels[at if apart else 0]
        for number, points in enumerate(runs):
            shown = None if number or apart else curve
            panel.plot(*zip(*points, strict=True), color=_COLOURS[at % len(_COLOURS)], alpha=0.85, label=shown)
        if apart:
            panel.set_title(curve.replace("_", " "), loc="left")
    for panel in panels:
        panel.set_xlabel(unit)
        panel.set_ylabel(label)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    if not apart:
        panels[0].legend(frameon=False)
    target: Path = RESULTS / f"{name}.png"
    figure.savefig(target, dpi=130)
    return f"![{name}](results/{name}.png)"
