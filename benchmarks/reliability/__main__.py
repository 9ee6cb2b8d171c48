"""`python -m benchmarks.reliability`: kill, look, heal, count."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from benchmarks.reliability.bank import Bank
from benchmarks.reliability.trial import Tally, Trial

ROUNDS = 24
"""Of one lake; the next begins from nothing, so that its making is killed too."""


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many processes are killed in all.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn; what the machine is quick at differs.")] = 0,
    seconds: Annotated[float, typer.Option(min=1, help="Enough after so many seconds.")] = 3600,
    server: Annotated[
        str, typer.Option(metavar="URL", help="Catalogs in databases of this PostgreSQL server, e.g. .../postgres.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Kill ingest, training, publishing, promotion, upkeep, backup and restore at random.

    Exit code 1 where anything was found wrong.
    """
    random, tally, began = Random(seed), Tally(), time.perf_counter()
    bank = Bank.make(seed)

    def enough() -> bool:
        return tally.kills.total() >= kills or time.perf_counter() - began > seconds

    while not enough() and not tally.wrong:
        folder = Path(tempfile.mkdtemp(prefix="pitwall-reliability-"))
        with _databases(server) as new_url:
            Trial(folder, bank, random, tally, new_url(), new_url).run(enough, ROUNDS)
        if not tally.wrong:
            shutil.rmtree(folder)
        print(f"{time.perf_counter() - began:6.0f} s  {tally.kills.total()} kills in {tally.lakes} lakes", flush=True)
    account = {**vars(tally), "total": tally.kills.total(), "elapsed": round(time.perf_counter() - began)}
    print(json.dumps(account, indent=1) if as_json else _lines(tally))
    raise typer.Exit(1 if tally.wrong else 0)


@contextmanager
def _databases(server: str) -> Iterator[Callable[[], str]]:
    """Gives URLs of new databases on this server; nothing without one: SQLite in the home."""
    if not server:
        yield lambda: ""
        return
    import sqlalchemy as sa

    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    made: list[str] = []

    def new_url() -> str:
        name = f"pitwall_reliability_{time.time_ns()}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        made.append(name)
        return sa.make_url(server).set(database=name).render_as_string(hide_password=False)

    try:
        yield new_url
    finally:
        with engine.connect() as connection:
            for name in made:
                connection.exec_driver_sql(f"drop database {name} with (force)")


def _lines(tally: Tally) -> str:
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(tally.kills.items()))
    left = ", ".join(f"{name} {count:,}" for name, count in sorted(tally.undisturbed.items()))
    moments = ", ".join(f"{name} {count:,}" for name, count in tally.moments.most_common())
    return "\n".join(
        [
            f"killed        {tally.kills.total():,}: {kinds}",
            f"at            {moments}",
            f"undisturbed   {tally.undisturbed.total():,}: {left}",
            f"healed        {tally.heals:,} times in {tally.lakes:,} lakes; {tally.rows:,} rows and "
            f"{tally.versions:,} versions held against what was given",
            f"restored      {tally.restored:,} backups; upkeep deleted {tally.collected:,} partitions",
            f"found wrong   {len(tally.wrong):,}",
            *tally.wrong[:20],
        ]
    )


if __name__ == "__main__":
    typer.run(main)
