"""`pitwall lap`: the whole journey, to see it once."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import session
from pitwall.model_files import read_policy_bytes

if TYPE_CHECKING:
    from flows.looping import Lap


def lap(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of an engine's rollouts. (none: cars of our own drive)")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy that collected the folder's rollouts.")] = None,
    laps: Annotated[int, typer.Option(min=1, help="Rollouts to drive and versions to train, without a folder.")] = 40,
) -> None:
    """See it once: cars learn to drive, in a few minutes.

    From a random policy to laps on unseen tracks, with a plot over the versions and a picture of the champion's line.
    With a folder: import a policy, ingest its rollouts, train, check, publish, with a table at the end.

        pitwall --home first lap --laps 40
        pitwall --home second lap samples/session_a --policy samples/policy.json.gz

    Exit codes: 3 done, but some of the folder's rollouts were turned away.
    See also: pitwall loop, pitwall status.
    """
    if folder is not None:
        _around(context, folder, policy)
    else:
        _learn(context, laps)


def _learn(context: typer.Context, laps: int) -> None:
    from flows.driving import draw
    from flows.looping import loop
    from pitwall import progress
    from pitwall.terminal import Terminal
    from schemas.errors import SettingsRejected
    from schemas.loop import RACING, racing
    from warehouse.evaluations import comparable

    if context.obj.settings.landing or context.obj.settings.engine_models_dir:
        raise SettingsRejected(
            "the settings here belong to a project of yours, and drivers of the stand-in must not get into it: "
            "run the lap elsewhere, or give a folder"
        )
    lake, began = context.obj.made_lake, time.perf_counter()
    config = racing().model_copy(update={"evaluate_every": 5})
    with Terminal() as terminal:

        def told(done: "Lap") -> None:
            terminal.say(f"{done.number}/{laps}  {done.words()}")

        done = loop(lake, config, laps, terminal, told=told)
    assert done.evaluation is not None  # the last lap is always evaluated, and so is who is champion
    found = progress.curves(comparable(lake, RACING, done.settings))
    plot, picture = lake.settings.home / "progress.png", lake.settings.home / "champion.png"
    progress.draw(found, plot)
    line = draw(lake, done.champion, picture, config.drive)
    for curve in found:
        typer.echo(f"\n{progress.text(curve)}")
    typer.echo(f"\n{laps} laps in {time.perf_counter() - began:.0f} s.")
    typer.echo(f"Champion is version {done.champion}: {done.evaluation.words()},")
    typer.echo("on tracks that had a say neither in training nor in promotion")
    typer.echo(f"{line}\nPlot: {plot}\nPicture: {picture}\n\nNext:")
    us = session.spelling(context)
    for command, what in (
        ("ask versions", "how versions did, with intervals"),
        ("models show champion", "where it comes from"),
        ("drive champion --rollouts 5", "write rollouts as an engine does"),
        ("loop --iterations 60", "go on learning"),
        ('sql "select * from episodes order by return desc limit 5"', "ask anything"),
    ):
        typer.echo(f"  {us} {command:<60} {what}")


def _around(context: typer.Context, folder: Path, policy: Path | None) -> None:
    from flows.importing import import_policy
    from flows.landing import bring_in
    from flows.summary import train_lines
    from flows.training import train
    from pitwall import train_table
    from pitwall.terminal import Terminal
    from schemas.training import engine
    from schemas.window import RECENT
    from warehouse.query import run

    began = time.perf_counter()
    lake = context.obj.made_lake
    with Terminal() as terminal:
        if policy is not None:
            version = import_policy(lake, read_policy_bytes(policy, lake.settings.max_file_mib), policy.name, terminal)
            terminal.say(f"{policy.name} is version {version}")
        came = bring_in(lake, [folder], terminal)
        report = train(lake, RECENT, engine(), terminal)
    lake_now = run(
        lake,
        "select (select count(*) from rollouts) as rollouts, (select count(*) from experiences) as experiences, "
        "(select count(*) from episodes) as episodes, (select count(*) from rejects) as rejects",
    ).to_pylist()[0]
    there = len(came.known) + len(came.duplicates)
    train_table.show(
        f"One lap in {time.perf_counter() - began:.1f} s",
        [
            (
                "this ingest",
                f"{len(came.accepted)} rollouts, {came.experiences:,} experiences in; {there} already there",
            ),
            ("the lake", ", ".join(f"{count:,} {name}" for name, count in lake_now.items() if name != "rejects")),
            ("rejected", f"{lake_now['rejects']} files and rows"),
            *train_lines(report),
        ],
    )
    us = session.spelling(context)
    typer.echo("\nNext:")
    for command, what in (
        ("ingest <folder of rollout_*.json>", "your own session"),
        ("train", "the next version from it"),
        ('sql "select * from episodes order by return desc limit 5"', "ask anything"),
        ("ask health", "is the newest data fit to learn from?"),
        ("models show latest", "where this version comes from"),
        ("up", "server, worker and schedules; then: prefect deployment run train/ppo"),
    ):
        typer.echo(f"  {us} {command:<60} {what}")
    if came.rejected:
        raise typer.Exit(3)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lap)
