"""`pitwall models`: the registry from the command line; files that go in and out are in `pitwall.model_files`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pitwall import completion, manual, model_files, plain, session
from pitwall.model_files import Version

if TYPE_CHECKING:
    from rich.table import Table

    from warehouse.aliases import Move
    from warehouse.lake import Lake

_FIGURES = ("kl", "clip_fraction", "explained_variance", "return_mean")
"""What the list shows of a version."""

app = manual.App(
    help="Versions of the policy: list, compare, promote, bring in, take out.\n\n"
    "A VERSION is a number (7, v7) or an alias (champion, latest).",
    no_args_is_help=True,
)


@app.command("list")
def list_(context: typer.Context, as_json: plain.AsJson = False) -> None:
    """All versions, newest first.

        pitwall models list
        pitwall models list --json

    See also: pitwall ask versions.
    """
    from warehouse.registry import versions

    found = versions(_lake(context))[::-1]
    if as_json:
        plain.give([model.as_json() for model in found])
    elif not found:
        typer.echo("The registry is empty. Import a policy (pitwall models import FILE) or train one (pitwall train).")
    else:
        table = _table("version", "aliases", "start", "parent", "window", "figures", "made (UTC)")
        for model in found:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in model.metrics.items() if name in _FIGURES)
            parent = "" if model.parent is None else str(model.parent)
            made = f"{model.created_at:%Y-%m-%d %H:%M:%S}"
            window = (model.window_id or "")[:12]
            names = ", ".join(model.aliases) if model.dropped_at is None else f"dropped {model.dropped_at:%Y-%m-%d}"
            table.add_row(str(model.version), names, model.start, parent, window, figures, made)
        session.console().print(table, markup=False)


@app.command()
def show(context: typer.Context, version: Version = "latest", as_json: plain.AsJson = False) -> None:
    """One version: where it comes from, its settings, figures and files.

        pitwall models show latest
        pitwall models show champion --json

    See also: pitwall trace, pitwall models diff.
    """
    from warehouse.model_lineage import ancestors, rollouts_of
    from warehouse.registry import get, read_manifest

    lake = _lake(context)
    model = get(lake, version)
    manifest = read_manifest(lake, model.version)
    chain = ancestors(lake, model.version)
    rollouts = rollouts_of(lake, model.version)
    if as_json:
        told = manifest.model_dump(mode="json", include={"window", "seeds", "libraries", "notes"})
        plain.give(
            model.as_json() | told | {"ancestors": chain, "rollouts": [vars(rollout) for rollout in rollouts]},
        )
        return
    table = _table("", f"version {model.version}")
    table.add_row("aliases", ", ".join(model.aliases) or "none")
    table.add_row("start", model.start)
    table.add_row("parents", " <- ".join(map(str, chain)) or "none")
    table.add_row("window", f"{model.window_id} ({manifest.window.rows} rows)" if manifest.window else "none")
    reward = manifest.window and manifest.window.reward
    table.add_row("reward", f"{reward.name}: {reward.formula}" if reward else "as recorded")
    table.add_row("rollouts", "\n".join(f"{each.file_name}  {each.rows} rows  {each.run_id}" for each in rollouts))
    table.add_row("settings", _lines(model.config))
    table.add_row("figures", "\n".join(f"{name}  {value:.6g}" for name, value in model.metrics.items()))
    table.add_row("seeds", _lines(manifest.seeds))
    table.add_row("notes", "\n".join(manifest.notes))
    table.add_row("files", "\n".join(f"{name}  {entry.bytes} bytes" for name, entry in model.files.items()))
    table.add_row("folder", str(model.folder))
    session.console().print(table, markup=False)


@app.command()
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", autocompletion=completion.versions, help="A number or an alias.")],
    b: Annotated[
        str, typer.Argument(metavar="B", autocompletion=completion.versions, help="A number or an alias.")
    ] = "latest",
    as_json: plain.AsJson = False,
) -> None:
    """What sets two versions apart: settings, figures, rollouts.

        pitwall models diff 1 latest
        pitwall models diff champion latest --json

    See also: pitwall ask compare-versions.
    """
    from warehouse.model_diff import diff as difference

    found = difference(_lake(context), a, b)
    if as_json:
        plain.give(found.as_json())
        return
    table = _table("", f"version {found.a.version}", f"version {found.b.version}")
    table.add_row("parent", *(str(model.parent or "") for model in (found.a, found.b)))
    table.add_row("start", found.a.start, found.b.start)
    table.add_row("window", *((window or "none")[:12] for window in found.windows))
    table.add_row("rollouts of its own", str(len(found.rollouts_only_a)), str(len(found.rollouts_only_b)))
    for name, setting in found.config.items():
        table.add_row(name, *("" if value is None else str(value) for value in setting))
    for name, figure in found.metrics.items():
        table.add_row(name, *("" if value is None else f"{value:.6g}" for value in figure))
    session.console().print(table, markup=False)
    weights = "The same weights" if found.same_weights else "Other weights"
    typer.echo(f"{weights}; {len(found.rollouts_shared)} rollouts in both windows.")


@app.command()
def promote(
    context: typer.Context,
    version: Version,
    alias: Annotated[
        str, typer.Option(autocompletion=completion.aliases, help="The alias that moves; a new name makes a new alias.")
    ] = "champion",
    reason: Annotated[str, typer.Option(help="Why; it is kept with the move.")] = "",
    as_json: plain.AsJson = False,
) -> None:
    """Point an alias at a version.

    champion is the one to drive with; any other name makes an alias of your own. Every move is kept, with its reason.

        pitwall models promote 1 --alias baseline --reason "what the engine came with"
        pitwall models promote latest

    See also: pitwall models rollback, pitwall evaluate, pitwall models deliver.
    """
    from warehouse.aliases import promote as point

    lake = _lake(context)
    _tell(lake, point(lake, alias, version, reason), as_json)


@app.command()
def rollback(
    context: typer.Context,
    alias: Annotated[
        str, typer.Argument(metavar="ALIAS", autocompletion=completion.aliases, help="The alias that moves back.")
    ] = "champion",
    as_json: plain.AsJson = False,
) -> None:
    """Undo the last move of an alias.

        pitwall models promote 1
        pitwall models promote latest
        pitwall models rollback

    See also: pitwall models promote.
    """
    from warehouse.aliases import rollback as undo

    lake = _lake(context)
    _tell(lake, undo(lake, alias), as_json, back=True)


@app.command()
def judge(context: typer.Context, as_json: plain.AsJson = False) -> None:
    """Let what the engine drove decide who is champion.

    The returns of the newest version's whole episodes are held against the champion's; what fell is taken back. With
    the setting promotion = "returns" this happens after each ingest. A loop judges its versions by drives on unseen
    tracks instead: pitwall loop

        pitwall models judge

    Settings: promotion, promotion_risk, promotion_episodes, engine_models_dir.
    See also: pitwall evaluate, pitwall models promote.
    """
    from flows.judging import judge as by_returns
    from pitwall.terminal import Terminal

    with Terminal(quiet=as_json) as terminal:
        decision = by_returns(_lake(context), terminal)
    if as_json:
        plain.give({"champion": None, "reason": "the registry is empty"} if decision is None else decision)
    elif decision is None:
        typer.echo("The registry is empty: there is nobody to judge. Next: pitwall models import FILE")
    else:
        typer.echo(f"champion is version {decision.champion}: {decision.reason}")


def _lake(context: typer.Context) -> "Lake":
    lake: Lake = context.obj.lake
    return lake


def _tell(lake: "Lake", move: "Move", as_json: bool, *, back: bool = False) -> None:
    from flows.moves import tell_move
    from pitwall.terminal import Terminal

    if as_json:
        plain.give(move)
    elif move.from_version == move.to_version:
        typer.echo(f"{move.alias} is on version {move.to_version} already.")
    else:
        typer.echo(f"{move.alias}: version {move.from_version or 'none'} -> version {move.to_version}")
    with Terminal() as terminal:
        tell_move(lake, move, terminal, back=back)


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _lines(values: dict[str, Any]) -> str:
    return "\n".join(f"{name}  {value}" for name, value in values.items())


model_files.register(app)
