"""`pitwall train` and `pitwall window`: choose experiences, make the next version."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pitwall import completion, plain, session, training_config, window_file

if TYPE_CHECKING:
    from schemas.window import Window

_WINDOW, _LEARNER, _EXPORT = "Window (which experiences)", "Learner", "Export"

Newest = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=_WINDOW, help="The newest N rollouts. (20 when nothing else is asked for)"),
]
MaxAge = Annotated[
    int | None, typer.Option(min=0, rich_help_panel=_WINDOW, help="At most so many policy versions old.")
]
Best = Annotated[int | None, typer.Option(min=1, rich_help_panel=_WINDOW, help="The best N by mean episode return.")]
Since = Annotated[datetime.datetime | None, typer.Option(rich_help_panel=_WINDOW, help="Written at or after.")]
Until = Annotated[datetime.datetime | None, typer.Option(rich_help_panel=_WINDOW, help="Written before.")]
Run = Annotated[
    str | None,
    typer.Option(autocompletion=completion.runs, rich_help_panel=_WINDOW, help="Of this run (engine session)."),
]
Sql = Annotated[
    str | None, typer.Option(rich_help_panel=_WINDOW, help='SELECT that returns rollout ids, e.g. from "rollouts".')
]
Reward = Annotated[
    str | None,
    typer.Option(
        autocompletion=completion.rewards,
        rich_help_panel=_WINDOW,
        help="A named reward in place of the recorded: pitwall rescore.",
    ),
]
MaxRows = Annotated[int | None, typer.Option(min=1, rich_help_panel=_WINDOW, help="Whole rollouts while they fit.")]
MinRows = Annotated[int, typer.Option(min=1, rich_help_panel=_WINDOW, help="Fewer rows are an error.")]


def train(
    context: typer.Context,
    newest: Newest = None,
    max_age: MaxAge = None,
    best: Best = None,
    since: Since = None,
    until: Until = None,
    run: Run = None,
    sql: Sql = None,
    max_rows: MaxRows = None,
    min_rows: MinRows = 1,
    reward: Reward = None,
    named: Annotated[
        str,
        typer.Option(
            "--config",
            autocompletion=completion.configurations,
            rich_help_panel=_LEARNER,
            help="engine, plugin_script, racing, cleanrl_continuous or pendulum.",
        ),
    ] = "engine",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", rich_help_panel=_LEARNER, help="Change one field; repeat at will."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, rich_help_panel=_LEARNER, help="Order of minibatches.")] = 0,
    device: Annotated[str, typer.Option(rich_help_panel=_LEARNER, help="auto, cpu, cuda or mps.")] = "auto",
    processes: Annotated[
        int, typer.Option(min=1, rich_help_panel=_LEARNER, help="Share each minibatch among so many (torchrun).")
    ] = 1,
    parent: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.versions,
            rich_help_panel=_LEARNER,
            help="Start from this version. (the policy that collected)",
        ),
    ] = None,
    at_least_new: Annotated[int, typer.Option(min=0, help="Do nothing unless so many rollouts are new.")] = 0,
    as_json: plain.AsJson = False,
) -> None:
    """Train the next version from a window of the lake, and publish it.

    Starts from the very policy that collected (with its optimiser state), or from a clone of what was recorded when no
    registered policy fits. Published only when torch, ONNX and the engine's JSON agree; then the engine's folder gets
    it too. What each field of the learner means: pitwall settings --config

        pitwall train --newest 10
        pitwall train --newest 10 --set epochs=2 --set learning_rate=1e-4
        pitwall train --best 2 --json

    Settings: engine_models_dir, engine_model_name.
    See also: pitwall window, pitwall models, pitwall rescore, pitwall reproduce.
    """
    from flows.summary import train_lines
    from flows.training import train as train_now
    from pitwall import train_table
    from pitwall.terminal import Terminal

    window = _window(newest, max_age, best, since, until, run, sql, max_rows, min_rows, reward)
    config = training_config.chosen(named, change or [], seed=seed, device=device, processes=processes)
    with Terminal(quiet=as_json) as terminal:
        report = train_now(context.obj.made_lake, window, config, terminal, parent=parent, at_least_new=at_least_new)
    if as_json:
        plain.give(train_table.as_json(report))
    else:
        train_table.show("Training", train_lines(report))
        if report.published is not None:
            typer.echo(f"On one page: {session.spelling(context)} report {report.published.version}")


def window(
    context: typer.Context,
    newest: Newest = None,
    max_age: MaxAge = None,
    best: Best = None,
    since: Since = None,
    until: Until = None,
    run: Run = None,
    sql: Sql = None,
    max_rows: MaxRows = None,
    min_rows: MinRows = 1,
    reward: Reward = None,
    export: Annotated[
        window_file.Format | None, typer.Option(rich_help_panel=_EXPORT, help="Also write its rows, for other tools.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(rich_help_panel=_EXPORT, help="A file; of Minari a new folder NAME-vN.")
    ] = None,
    end: Annotated[
        window_file.End,
        typer.Option(rich_help_panel=_EXPORT, help="The observation after an episode's end, which no engine writes."),
    ] = "nan",
    force: Annotated[bool, typer.Option("--force", rich_help_panel=_EXPORT, help="Replace another file.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Show what a window selects, and store it for good.

    The manifest names partitions by hash and rows by range: it finds the same rows whenever it is read. Conditions
    combine with "and"; then the newest, then the best of these, then the bounds of rows.

        pitwall window --newest 2
        pitwall window --sql "select rollout_id from rollouts where rejected_rows = 0" --json
        pitwall window --newest 5 --export parquet --to rows.parquet

    Minari holds whole episodes: --export minari --to datasets/laps-v0 (pip install 'pitwall[minari]').

    See also: pitwall train, pitwall trace.
    """
    from warehouse.windows import select

    window_file.check(export, to)
    asked = _window(newest, max_age, best, since, until, run, sql, max_rows, min_rows, reward)
    manifest = select(context.obj.lake, asked)
    if export is not None and to is not None:
        typer.echo(window_file.write(context.obj.lake, manifest, export, to, end=end, force=force), err=as_json)
    if as_json:
        plain.give(manifest.model_dump(mode="json"))
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("run", "rollout", "rows", "partition", "from row"):
        table.add_column(name)
    for member in manifest.rollouts:
        table.add_row(member.run_id, member.rollout_id[:12], f"{member.rows:,}", member.path, str(member.first_row))
    session.console().print(table)
    typer.echo(f"window {manifest.window_id[:12]}: {len(manifest.rollouts)} rollouts, {manifest.rows:,} experiences")
    if manifest.reward is not None:
        typer.echo(f"reward {manifest.reward.name}: {manifest.reward.formula}")
    for note in manifest.narrowed:
        typer.echo(note)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(train)
    app.command()(window)


def _window(*conditions: Any) -> "Window":  # noqa: ANN401 - the options, in the order of the command
    from pitwall.window_request import Conditions, requested

    names = ("newest", "max_age", "best", "since", "until", "run", "sql", "max_rows", "min_rows", "reward")
    return requested(**cast(Conditions, dict(zip(names, conditions, strict=True))))
