"""`pitwall ingest` and `pitwall rejects`: what comes in, and what was turned away."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import completion, plain, session
from schemas.counted import counted

if TYPE_CHECKING:
    from warehouse.ingest_report import IngestReport

_SHOWN = 20


def ingest(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders (with sub-folders) or files; none: the setting `landing`.")
    ] = None,
    minari: Annotated[
        list[str] | None, typer.Option(metavar="DATASET", help="A Minari dataset: its folder, or its id here.")
    ] = None,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Judge files again that were turned away before.")
    ] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Bring an engine's rollout files into the lake.

    Every file and row is kept, or kept among the rejects with its reason; nothing goes in twice. The engine's files
    are only read, unless source_files says archive or delete. Who drove is found out from the values.

        pitwall ingest samples/session_a
        pitwall ingest samples/session_a --json

    Exit codes: 3 done, but something was turned away.
    Settings: landing, source_files, archive, max_file_mib, settle_seconds, promotion.
    See also: pitwall rejects, pitwall window, pitwall ask health.
    """
    from flows.judging import judge_if_asked
    from flows.landing import bring_in, summary
    from pitwall.terminal import Terminal
    from schemas.errors import SettingsRejected

    current: session.Session = context.obj
    if minari:
        _datasets(current, minari, folders, retry_rejected, as_json)
        return
    if not folders:
        if current.settings.landing is None:
            raise SettingsRejected("no folder is given. pitwall ingest FOLDER, or set landing in pitwall.toml")
        folders = [current.settings.landing]
    with Terminal(quiet=as_json) as terminal:
        came = bring_in(current.made_lake, folders, terminal, retry_rejected=retry_rejected)
    if as_json:
        plain.give(_account(came))
    else:
        _tell(came)
        typer.echo(f"{summary(came)}. {came.seconds:.1f} s")
        if not came.files:
            typer.echo(f"no rollout_*.json or rollout_*.json.gz lies in {', '.join(map(str, folders))}")
    with Terminal(quiet=as_json) as terminal:
        judge_if_asked(current.made_lake, terminal)
    if came.rejected:
        raise typer.Exit(3)


def rejects(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(autocompletion=completion.rejected, help="Only those of this file name.")
    ] = None,
    show: Annotated[int | None, typer.Option(metavar="ID", help="Print the raw text of one.")] = None,
    export: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Copy rejected files there, to mend.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that came in after all.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """List what was turned away, with file, row, reason and time.

    After a fix: a mended file (same name, the good rows unchanged) takes the place of the old one when it is ingested;
    files that a newer Pitwall may understand come in with: pitwall ingest FOLDER --retry-rejected

        pitwall rejects
        pitwall rejects --export to-mend

    See also: pitwall ask rejects-by-reason.
    """
    import sys

    from rich.markup import escape
    from rich.table import Table

    from warehouse import rejects as kept

    lake = context.obj.lake
    if show is not None:
        sys.stdout.buffer.write(kept.raw(lake, show))
        sys.stdout.buffer.flush()
        return
    if export is not None:
        for copy, origin in kept.export(lake, export).items():
            typer.echo(f"{copy}\n  mend it and put it back as {origin}, then: pitwall ingest {Path(origin).parent}")
        return
    found = kept.rejects(lake, file_name=file, resolved=every)
    if as_json:
        plain.give([reject.as_json() for reject in found])
        return
    table = Table(box=None, header_style="bold")
    for name in ("id", "file", "row", "reason", "at (UTC)"):
        table.add_column(name, overflow="fold")
    for reject in found:
        row = "" if reject.row_index is None else str(reject.row_index)
        resolved = " (resolved)" if reject.resolved_by else ""
        reason = escape(session.shown(reject.reason)) + resolved
        at = f"{reject.rejected_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(reject.reject_id), escape(session.shown(reject.file_name)), row, reason, at)
    if found:
        session.console().print(table)
    files = sum(reject.row_index is None for reject in found)
    rows = len(found) - files
    typer.echo(
        f"{counted(files, 'file')} and {counted(rows, 'row')} rejected. Raw text of one: pitwall rejects --show ID"
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ingest)
    app.command()(rejects)


def _datasets(
    current: session.Session, datasets: list[str], folders: list[Path] | None, retry_rejected: bool, as_json: bool
) -> None:
    """Datasets of Minari, one behind another; its seconds count the loading, too."""
    import time

    from flows.importing_dataset import import_dataset
    from flows.landing import summary
    from pitwall.terminal import Terminal
    from schemas.errors import SettingsRejected

    if folders:
        raise SettingsRejected("both folders and --minari are given, wanted one of them. Ingest them one after another")
    accounts = []
    for dataset in datasets:
        began = time.perf_counter()
        with Terminal(quiet=as_json) as terminal:
            terminal.say(f"loading Minari, then reading {dataset}")
            came = import_dataset(current.made_lake, dataset, terminal, retry_rejected=retry_rejected)
        accounts.append(came)
        if not as_json:
            _tell(came)
            typer.echo(f"{summary(came)}. {time.perf_counter() - began:.1f} s")
    if as_json:
        told = [_account(came) for came in accounts]
        plain.give(told[0] if len(told) == 1 else told)
    if any(came.rejected for came in accounts):
        raise typer.Exit(3)


def _tell(came: "IngestReport") -> None:
    lines = [
        *(f"rejected  {path}: {reason}" for path, reason in came.rejected_files.items()),
        *(f"rejected  {path}: {reason}" for path, reasons in came.rejected_rows.items() for reason in reasons),
        *(f"warning   {path}: {note}" for path, notes in came.warnings.items() for note in notes),
        *(f"duplicate {path}: the same content as {twin}" for path, twin in came.duplicates.items()),
        *(f"left      {path}: {why}; the next ingest looks again" for path, why in came.left.items()),
        *(f"ignored   {path}: {why}" for path, why in came.ignored.items()),
    ]
    for line in lines[:_SHOWN]:
        typer.echo(session.shown(line).replace("\n", "\\n"))
    if len(lines) > _SHOWN:
        typer.echo(f"... and {len(lines) - _SHOWN} more; see: pitwall rejects, or pitwall ingest --json")


def _account(came: "IngestReport") -> dict[str, object]:
    return {
        "rollouts": len(came.accepted),
        "experiences": came.experiences,
        "accepted": came.accepted,
        "rejected_files": came.rejected_files,
        "rejected_rows": came.rejected_rows,
        "warnings": came.warnings,
        "duplicates": came.duplicates,
        "known": came.known,
        "known_rejects": came.known_rejects,
        "ignored": came.ignored,
        "left": came.left,
        "seconds": came.seconds,
    }
