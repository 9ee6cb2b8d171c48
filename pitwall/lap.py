"""`pitwall lap`: the whole journey on the sample session, to see it once."""

import time
from pathlib import Path
from typing import Annotated

import typer

from pitwall import session
from pitwall.models import read_policy_bytes

SAMPLES = Path(__file__).parents[1] / "samples"


def lap(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder of rollouts. [the sample session]")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy that collected them. [the sample's]")] = None,
) -> None:
    """Import a policy, ingest its rollouts, train, check, publish: once around, with a table at the end."""
    from flows.importing import import_policy
    from flows.landing import bring_in
    from flows.summary import train_lines
    from flows.training import train
    from pitwall import train_table
    from pitwall.terminal import Terminal
    from schemas.errors import SettingsRejected
    from schemas.training import engine
    from schemas.window import RECENT
    from warehouse.query import run

    if folder is None:
        folder, policy = SAMPLES / "session_a", policy or SAMPLES / "policy.json.gz"
        if not folder.is_dir():
            raise SettingsRejected("the sample session comes with the source: run this in a checkout, or give a folder")
        if context.obj.settings.landing or context.obj.settings.engine_models_dir:
            raise SettingsRejected(
                "the settings here belong to a project of yours, and the sample session must not get into it: "
                "run the lap elsewhere, or give a folder"
            )
    began = time.perf_counter()
    lake = context.obj.lake
    with Terminal() as terminal:
        if policy is not None:
            version = import_policy(lake, read_policy_bytes(policy), policy.name, terminal)
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
