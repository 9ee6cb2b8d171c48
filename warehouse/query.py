"""SQL over the lake, read-only: DuckDB over the partitions that the catalog lists, and over the catalog itself.

Arrives: a lake and one statement. Leaves: an Arrow table, or a connection that reads nothing outside the lake's
experiences and whose configuration is locked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from difflib import get_close_matches
from typing import Any

import duckdb
import pyarrow as pa

from schemas.errors import LakeDamaged, QueryRejected
from schemas.reward import Reward
from warehouse import tables
from warehouse.catalog_arrow import read_table
from warehouse.lake import Lake
from warehouse.layouts import steps_select
from warehouse.scoring import explained, reward_sql
from warehouse.statements import only
from warehouse.views import views, with_sources

_ANY_VIEW = re.compile(r"show|query|query_table|information_schema|(duckdb|pg|pragma)_\w+")
"""Words of statements that can reach a view without its name."""
_LISTEN_SECONDS = 0.1
_NO_TABLE = re.compile(r'Catalog Error: Table (?P<function>Function )?with name "?(?P<name>[^\s"]+?)"? does not exist')


def run(
    lake: Lake,
    statement: str,
    parameters: Mapping[str, object] | Sequence[object] | None = None,
    reward: Reward | None = None,
) -> pa.Table:
    """The answer to one reading statement; `$name` (or `?`) in it is bound to `parameters`.

    Under `reward` every view follows it; the column `recorded_reward` of experiences then holds the recorded one.

    Raises:
        RewardRejected: the reward gives no finite number for a row that the statement reads.
        QueryRejected: the statement does more than read, or DuckDB refuses it.
        LakeDamaged: a partition that the catalog lists cannot be read.
    """
    statement = only(statement)
    with connect(lake, statement, reward) as connection:
        return answer(lake, connection, statement, parameters, reward)


def connect(lake: Lake, statement: str, reward: Reward | None = None) -> duckdb.DuckDBPyConnection:
    """A closed connection: the views that `statement` names, and nothing else. The caller closes it.

    Raises:
        LakeDamaged: a partition that the catalog lists cannot be read.
        CatalogBusy: the catalog is locked or out of reach.
    """
    lake.paths.experiences.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": (lake.paths.scratch / "duckdb").as_posix(),
        },
    )
    try:
        _fill(connection, lake, _words(statement), reward)
        _lock(connection, lake)
    except duckdb.Error as error:
        connection.close()
        raise _ours(lake, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def answer(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    parameters: Mapping[str, object] | Sequence[object] | None = None,
    reward: Reward | None = None,
) -> pa.Table:
    """Run a statement on a connection of ours; DuckDB's errors become our own, with what helps. Ctrl-C ends it."""
    bound: Any = dict(parameters) if isinstance(parameters, Mapping) else parameters
    try:
        return _distinct(_interruptible(connection, lambda: connection.execute(statement, bound).to_arrow_table()))
    except duckdb.Error as error:
        told = error if reward is None else explained(lake, reward, error)
        raise (_ours(lake, told) if isinstance(told, duckdb.Error) else told) from error


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], pa.Table]) -> pa.Table:
    """Work in a thread of its own: DuckDB looks at signals only in some phases of a statement."""
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(work)
        try:
            while not wait([answer], timeout=_LISTEN_SECONDS).done:  # Windows hears Ctrl-C only between waits
                pass
        except BaseException:
            while not wait([answer], timeout=_LISTEN_SECONDS).done:
                connection.interrupt()  # again, since one that comes before the statement's start is forgotten
            raise
        return answer.result()


def _ours(lake: Lake, error: duckdb.Error) -> LakeDamaged | QueryRejected:
    message = _with_our_names(str(error).strip())
    if lake.paths.experiences.as_posix() in message and not isinstance(error, duckdb.PermissionException):
        return LakeDamaged(f"{message}\nThe catalog lists this partition; restore the file from a copy.")
    return QueryRejected(f"{message}\n{_hint(error)}")


def _with_our_names(message: str) -> str:
    """DuckDB suggests names of tables that lead nowhere here, since only the views that a statement names are there."""
    found = _NO_TABLE.match(message)
    if found is None:
        return message
    near = [] if found["function"] else get_close_matches(found["name"].casefold(), views(), n=1, cutoff=0.7)
    first, *rest = message.splitlines()
    ours = [f'Did you mean "{name}"?' for name in near]
    return "\n".join([first, *ours, *(line for line in rest if not line.startswith("Did you mean "))])


def _distinct(table: pa.Table) -> pa.Table:
    """Columns of the same name numbered, since JSON and Parquet readers keep only one of them."""
    names: list[str] = []
    for name in table.column_names:
        number = 0
        while (spelled := f"{name}_{number}" if number else name) in names:
            number += 1
        names.append(spelled)
    return table.rename_columns(names)


def _words(statement: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", statement.casefold()))


def _fill(
    connection: duckdb.DuckDBPyConnection, lake: Lake, words: frozenset[str], reward: Reward | None = None
) -> None:
    """Create what a statement of these words can read: a view for every name that occurs in it, even in a comment."""
    anything = any(_ANY_VIEW.fullmatch(word) for word in words)
    needed = with_sources(frozenset(views()) if anything else words & views().keys())
    names = frozenset[str]().union(*(view.tables for view in needed))
    names |= words & {*tables.metadata.tables, "steps"} if "catalog" in words else frozenset()
    names |= {"rollouts"} if "steps" in names else frozenset()
    connection.execute("CREATE SCHEMA catalog")
    with lake.catalog.read() as transaction:
        for name in sorted(names - {"steps"}):
            connection.register("arriving", read_table(transaction, tables.metadata.tables[name]))
            connection.execute(f"CREATE TABLE catalog.{name} AS FROM arriving")
            connection.unregister("arriving")
        if "steps" in names:
            recorded = steps_select(transaction, lake.paths)
            connection.execute(f"CREATE VIEW catalog.{'steps' if reward is None else 'recorded'} AS {recorded}")
    if "steps" in names and reward is not None:
        columns = [row[0] for row in connection.execute("DESCRIBE catalog.recorded").fetchall()]
        connection.execute(
            f"CREATE VIEW catalog.steps AS SELECT * REPLACE ({reward_sql(reward, columns)} AS reward), "
            "reward AS recorded_reward FROM catalog.recorded"
        )
    for view in needed:
        connection.execute(f"CREATE VIEW {view.name} AS {view.select}")


def _lock(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    folder = lake.paths.experiences.as_posix().replace("'", "''")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_directories = ['{folder}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _hint(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.PermissionException):
        return "Only the lake can be read: " + ", ".join(sorted(views()))
    if isinstance(error, duckdb.CatalogException):
        return "Views: " + ", ".join(sorted(views())) + ". Their columns: describe VIEW"
    if isinstance(error, duckdb.BinderException):
        return "See the columns of a view with: describe VIEW"
    return "Help on the views: pitwall sql --help"
