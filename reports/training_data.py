"""What a version was trained on: runs, rollouts, the versions that collected them, rewards, and every row's fate."""

import json
from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part, Table
from reports.update import untrained
from reports.words import number, share
from schemas.counted import counted


def training_data(gathered: Gathered) -> Part:
    """Rows by collector as a picture, where there are several; runs, sources, account and settings as tables."""
    name, title = "training-data", "What it was trained on"
    if not gathered.trained:
        return Part(name=name, title=title, missing=[untrained(gathered)])
    sources, missing = gathered.rows("training_data"), []
    tables = [_account(gathered)] if gathered.account else []
    if "account" in gathered.missing:
        missing.append(Missing(f"The account of its rows: {gathered.missing['account']}", "pitwall verify"))
    if any(row["reward_mean"] is None for row in sources):
        missing.append(Missing("Some rollouts have left the lake, and their rewards with them"))
    window = gathered.manifest.window
    assert window is not None
    reward = "as recorded" if window.reward is None else f"{window.reward.name}: {window.reward.formula}"
    rollouts, rows = sum(row["rollouts"] for row in sources), sum(row["rows"] for row in sources)
    runs = {row["run_id"] for row in sources}
    said = (
        f"{counted(rollouts, 'rollout')} with {rows:,} experiences of {counted(len(runs), 'run')}, "
        f"collected by {_collectors(gathered, sources)}. Window: {gathered.window}. Reward: {reward}."
    )
    return Part(
        name=name,
        title=title,
        said=said,
        panels=[_ages(sources)] if len({row["policy_version"] for row in sources}) > 1 else [],
        tables=[_runs(sources), *tables, _sources(gathered), _settings(gathered)],
        missing=missing,
    )


def _collectors(gathered: Gathered, sources: list[dict[str, Any]]) -> str:
    known = sorted({row["policy_version"] for row in sources if row["policy_version"] is not None})
    if not known:
        return "a policy that nobody registered"
    words = f"version {known[0]}" if len(known) == 1 else f"{len(known)} versions, {known[0]} to {known[-1]}"
    if known[-1] == gathered.parent:
        return f"{words}, its parent" if len(known) == 1 else f"{words}, the last of them its parent"
    return words


def _ages(sources: list[dict[str, Any]]) -> Panel:
    by_version: dict[str, list[float]] = {}
    for row in sources:
        name = "unknown" if row["policy_version"] is None else str(row["policy_version"])
        rows, trained = by_version.setdefault(name, [0.0, 0.0])
        by_version[name] = [rows + row["rows"], trained + (row["rows"] if row["trained"] is None else row["trained"])]
    total, trained = (sum(column) for column in zip(*by_version.values(), strict=True))
    said = f"{trained:,.0f} of {total:,.0f} rows were trained on ({share(trained / total)})."
    if any(row["trained"] is None for row in sources):
        said = f"{total:,.0f} rows; which of them were trained on, the release that did it did not keep."

    def paint(axes: Any) -> None:  # noqa: ANN401
        names = list(by_version)
        axes.bar(names, [rows for rows, _ in by_version.values()], color=drawing.BAND, width=0.7)
        axes.bar(names, [part for _, part in by_version.values()], color=drawing.BEFORE, width=0.7)
        axes.set_xlabel("version that collected")
        axes.set_ylabel("rows")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.margins(x=0.3 if len(names) < 4 else 0.05)
        if len(names) > 12:
            axes.set_xticks(range(0, len(names), -(-len(names) // 12)))

    title = "Rows by the version that collected"
    return Panel(title=title, said=said, figure=drawing.draw("data-versions", title, said, paint))


def _runs(sources: list[dict[str, Any]]) -> Table:
    rows = []
    for row in sources:
        who = "unknown" if row["policy_version"] is None else str(row["policy_version"])
        trained = "not kept" if row["trained"] is None else f"{row['trained']:,}"
        reward = "gone" if row["reward_mean"] is None else f"{number(row['reward_mean'])} ± {number(row['reward_std'])}"
        when = "unknown" if row["first_written_at"] is None else f"{row['first_written_at']:%Y-%m-%d %H:%M}"
        rows.append((row["run_id"], who, str(row["rollouts"]), f"{row['rows']:,}", trained, reward, when))
    columns = ("run ", "collected by", "rollouts", "rows", "trained on", "reward of a row", "written")
    return Table(
        columns=columns,
        rows=rows,
        caption="Runs and collectors. Reward: mean ± standard deviation, as recorded.",
        folded=len(rows) > 8,
    )


def _account(gathered: Gathered) -> Table:
    rows = [(name, f"{count:,}", remark) for name, count, remark in gathered.account]
    return Table(columns=("step ", "rows", "remark "), rows=rows, caption="From the files to the gradient.")


def _sources(gathered: Gathered) -> Table:
    metrics, rows = gathered.manifest.metrics, []
    for name in sorted(key.removesuffix(".kl") for key in metrics if key.startswith("source_") and key.endswith(".kl")):
        figures = [metrics[f"{name}.{what}"] for what in ("rows", "effective_sample_size", "kl")]
        rows.append((name.removeprefix("source_"), f"{figures[0]:,.0f}", share(figures[1]), number(figures[2])))
    return Table(
        columns=("collected by ", "rows", "effective sample size", "KL (nats)"),
        rows=rows,
        caption="How far each collector was from the start of the update, as the gates saw it.",
        folded=True,
    )


def _settings(gathered: Gathered) -> Table:
    rows = [(name, json.dumps(value)) for name, value in gathered.manifest.config.items()]
    return Table(columns=("setting ", "value "), rows=rows, caption="All settings of the training.", folded=True)
