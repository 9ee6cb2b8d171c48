"""`pitwall verify`: whether everything in the lake is still what was committed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import plain, session

if TYPE_CHECKING:
    from warehouse.verification import Damage, Verification

_SHOWN = 20
_NAMES = 5


def verify(
    context: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Also the rows of every rollout, one by one.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Hold every stored file against its checksum; change nothing.

    Looks at partitions, versions, aliases and rejected files. Says what is damaged, which rollouts, runs, windows and
    versions hang on it, and what to do. Files that belong to nobody are no damage: a killed process left them.

        pitwall verify
        pitwall verify --deep --json

    Exit codes: 0 all good; 1 something is damaged.
    See also: pitwall backup, pitwall maintain, pitwall doctor.
    """
    from pitwall.terminal import Terminal
    from warehouse.verify import verify as look

    current: session.Session = context.obj
    with Terminal(quiet=as_json, interrupted="interrupted; nothing was changed") as terminal:
        found = look(
            current.lake, deep=deep, progress=lambda done, total, place: terminal.progress("files", done, total, place)
        )
    if as_json:
        plain.give(found.as_json())
    else:
        for line in _lines(found):
            typer.echo(line)
    if not found.good:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def _lines(found: "Verification") -> Iterator[str]:
    for damage in found.damages[:_SHOWN]:
        yield f"damaged   {damage.kind} {damage.place}: {damage.found}"
        yield from (f"          {line}" for line in _hangs_on(damage))
        yield f"          {damage.next_step}"
    if len(found.damages) > _SHOWN:
        yield f"... and {len(found.damages) - _SHOWN} more; see: pitwall verify --json"
    for left in found.leftovers[:_SHOWN]:
        yield f"left over {left.place}: {left.bytes:,} bytes that no row of the catalog refers to"
    if len(found.leftovers) > _SHOWN:
        yield f"... and {len(found.leftovers) - _SHOWN} more; see: pitwall verify --json"
    checked = found.checked
    verdict = "all good" if found.good else f"{len(found.damages)} damaged"
    extra = f"; {len(found.leftovers)} left over, which harms nothing" if found.leftovers else ""
    yield (
        f"{checked['partitions']:,} partitions with {checked['rows']:,} rows, {checked['versions']:,} versions with "
        f"{checked['model_files']:,} files, {checked['rejected_files']:,} rejected files: {verdict}{extra}. "
        f"{found.seconds:.1f} s"
    )


def _hangs_on(damage: "Damage") -> Iterator[str]:
    if damage.kind == "partition":
        whole = f"; the rows of {len(damage.whole)} of them are whole" if damage.whole else ""
        yield f"it holds {len(damage.rollouts)} rollouts of {len(damage.runs)} runs: {_some(damage.rollouts)}{whole}"
    if damage.windows and damage.kind in ("partition", "window"):
        yield f"selected by {len(damage.windows)} windows: {_some(window[:12] for window in damage.windows)}"
        if damage.versions:
            trained = _some(map(str, damage.versions))
            yield f"trained on it: versions {trained}; they stand and drive, but cannot be trained again without it"
    if damage.kind == "model":
        names = f", which is {' and '.join(damage.aliases)}" if damage.aliases else ""
        yield f"it belongs to version {damage.versions[0]}{names}"


def _some(names: "Iterator[str] | tuple[str, ...] | map[str]") -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMES} more" if len(listed) > _NAMES else ""
    return ", ".join(listed[:_NAMES]) + more
