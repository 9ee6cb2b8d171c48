"""`pitwall rescore`: a new reward for history."""

from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import completion, plain, session

if TYPE_CHECKING:
    from schemas.reward import Reward
    from warehouse.lake import Lake
    from warehouse.rescoring import Comparison


def rescore(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="What the reward is called: a-z, 0-9, - and _.")] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(metavar="TERM=FACTOR,...", help="Multiply reward terms as recorded; repeat at will."),
    ] = None,
    sql: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Or any DuckDB expression over one row's columns.")
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Terms that --weights does not name do not count.")] = False,
    clamp: Annotated[
        float | None, typer.Option(metavar="LIMIT", help="Hold each reward within plus and minus this.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; it is kept with the reward.")] = "",
    dry: Annotated[bool, typer.Option("--dry", help="Compare old and new, define nothing.")] = False,
    show: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=completion.rewards, help="Compare a defined reward with the recorded."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--list", help="List the rewards that are defined.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Give history another reward under a name.

    What was recorded stays as it is. Terms that --weights does not name keep weight 1; weight 0 switches one off. A row
    that lacks a column of the formula has no reward (never 0) and is left out with its reason. Then: pitwall train
    --reward NAME, pitwall ask best-episodes --reward NAME.

        pitwall rescore smooth --sql "reward - abs(action_steer) * 0.1" --clamp 3
        pitwall rescore --list

    See also: pitwall train, pitwall sql.
    """
    from schemas.errors import SettingsRejected
    from warehouse import rescoring, rewards

    lake: Lake = context.obj.lake
    if every:
        _list(lake, as_json)
        return
    if show is not None:
        known = rewards.get(lake, show)
        _tell(known, rescoring.compare(lake, known), as_json)
        return
    if name is None or (sql is None) == (not weights):
        raise SettingsRejected(
            "wanted a name and either --weights or --sql, e.g. pitwall rescore fast --weights speed=0.5,collision=2; "
            "those that are defined: pitwall rescore --list"
        )
    if sql is not None and only:
        raise SettingsRejected("--only belongs to --weights: an expression counts what it names, and nothing else")
    reward = _reward(lake, name, weights or [], sql, only, clamp)
    compared = rescoring.compare(lake, reward)
    is_new = not dry and rewards.define(lake, reward, note)
    _tell(reward, compared, as_json)
    if as_json:
        return
    us = session.spelling(context)
    if dry:
        typer.echo("Nothing is defined (--dry).")
    else:
        typer.echo(f"{name} is {'defined' if is_new else 'defined already, just so'}. Next: {us} train --reward {name}")


def _reward(lake: "Lake", name: str, weights: list[str], sql: str | None, only: bool, clamp: float | None) -> "Reward":
    from pydantic import ValidationError

    from pitwall import wrong_field
    from schemas.errors import SettingsRejected
    from warehouse import rescoring

    try:
        if sql is not None:
            return rescoring.expressed(lake, name, sql, clamp=clamp)
        return rescoring.weighted(lake, name, _factors(weights), only=only, clamp=clamp)
    except ValidationError as error:
        raise SettingsRejected(f"{wrong_field.words(error, 'reward')}. See: pitwall rescore --help") from error


def _factors(weights: list[str]) -> dict[str, float]:
    """`speed=0.5,collision=2` as numbers by term."""
    from schemas.errors import SettingsRejected

    found: dict[str, float] = {}
    for part in ",".join(weights).split(","):
        term, _, number = part.strip().rpartition("=")
        try:
            factor = float(number)
        except ValueError:
            term = ""
        if not term:
            raise SettingsRejected(f"--weights {part!r}: wanted TERM=FACTOR, e.g. speed=0.5")
        if term.casefold() in map(str.casefold, found):
            raise SettingsRejected(f"--weights names {term} twice; wanted one factor for each term")
        found[term] = factor
    return found


def _tell(reward: "Reward", compared: "Comparison", as_json: bool) -> None:
    if as_json:
        plain.give(reward.model_dump(mode="json") | compared.as_json())
        return
    from rich.table import Table

    typer.echo(f"{reward.name} = {reward.formula}")
    table = Table(box=None, header_style="bold")
    for title in ("reward", "mean", "min", "max"):
        table.add_column(title, justify="left" if title == "reward" else "right")
    for title, figures in (("recorded", compared.old), (reward.name, compared.new)):
        table.add_row(title, *(f"{figures[figure]:.6g}" for figure in ("mean", "min", "max")))
    session.console().print(table, markup=False)
    typer.echo(f"{compared.rows:,} experiences of {compared.rollouts:,} rollouts have it")
    if reward.clamp is not None:
        typer.echo(f"{compared.clamped:,} of them were clamped")
    for left in compared.left_out:
        typer.echo(
            f"{left.rows:,} experiences of {left.rollouts:,} rollouts left out: {left.reason} ({left.first_file} ...)"
        )


def _list(lake: "Lake", as_json: bool) -> None:
    from warehouse import rewards

    found = rewards.listing(lake)
    if as_json:
        told = [
            each.reward.model_dump(mode="json")
            | {"note": each.note, "created_at": each.created_at.isoformat() + "Z", "versions": list(each.versions)}
            for each in found
        ]
        plain.give(told)
        return
    if not found:
        typer.echo("No reward is defined. Define one: pitwall rescore fast --weights speed=0.5,collision=2")
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for title in ("reward", "formula", "versions", "note", "made (UTC)"):
        table.add_column(title, overflow="fold")
    for each in found:
        versions = ", ".join(map(str, each.versions))
        table.add_row(
            each.reward.name, each.reward.formula, versions, each.note, f"{each.created_at:%Y-%m-%d %H:%M:%S}"
        )
    session.console().print(table, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rescore)
