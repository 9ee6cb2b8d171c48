"""`pitwall maintain`: the upkeep of the lake."""

from typing import Annotated

import typer

from pitwall import plain

_SHOWN = 20


def maintain(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be done, with reasons.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Join small files, drop by your rules, delete old garbage.

    Without a rule nothing is dropped. Safe while others ingest, train and query; --dry-run only lists, with reasons.

        pitwall maintain --dry-run
        pitwall maintain --json

    Exit codes: 3 done, but files are damaged or in the way.
    Settings: compact_rows, keep_rollouts, keep_days, keep_models, grace_days, release_pinned.
    See also: pitwall verify, pitwall backup.
    """
    from flows.upkeep import maintain as keep_up
    from flows.upkeep import upkeep_lines
    from pitwall import train_table
    from pitwall.terminal import Terminal

    with Terminal(quiet=as_json) as terminal:
        done = keep_up(context.obj.lake, terminal, dry_run=dry_run)
    if as_json:
        plain.give(done.as_json())
    else:
        if dry_run:
            told = [
                *(f"would join    {len(join.sources)} partitions of {join.run_id}" for join in done.joins),
                *(f"would drop    rollout {rollout}" for rollout in done.retention.rollouts),
                *(f"would delete  {one.path}: {one.reason}, {one.bytes:,} bytes" for one in done.collection.removed),
            ]
            for line in told[:_SHOWN]:
                typer.echo(line)
            if len(told) > _SHOWN:
                typer.echo(f"... and {len(told) - _SHOWN} more; see: pitwall maintain --dry-run --json")
        for path, why in done.complaints.items():
            typer.echo(f"damaged  {path}: {why}")
        train_table.show("Upkeep, a dry run: nothing was changed" if dry_run else "Upkeep", upkeep_lines(done))
    if done.complaints:
        raise typer.Exit(3)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(maintain)
