"""Which expressions may be a reward: closed ones, over the columns of one row.

Arrives: a text of the user's, and the columns of a row. Leaves: an `Expression`, spelled by DuckDB itself from what its
parser understood, so that nothing hides in a comment or behind a parenthesis. What is not on the lists is refused: an
expression reads no other row, no file and no clock, and gives the same number whenever it is asked.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from schemas.errors import QueryRejected

Node = dict[str, Any]
LONGEST = 2000
"""Characters of an expression."""
_CLASSES = {"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "CAST", "BETWEEN"}
_OPERATORS = {
    "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "COMPARE_IN", "COMPARE_NOT_IN",
}  # fmt: skip
_NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN",
)  # fmt: skip
_OF_ANY_TYPE = ("greatest", "least")
_PURE = """
select function_name
from duckdb_functions()
where function_type = 'scalar' and not starts_with(function_name, '__')
group by function_name
having bool_and(coalesce(stability = 'CONSISTENT', false))
   and bool_or(list_contains($numbers, return_type) and list_has_all($numbers, parameter_types))
"""


@dataclass(frozen=True)
class Expression:
    """A closed expression."""

    sql: str
    """As DuckDB spells it."""
    columns: tuple[str, ...]
    """Columns that it reads, in the lake's spelling, sorted."""
    in_float64: str
    """The same over float64: what a computation runs."""


def closed(text: str, columns: Mapping[str, str]) -> Expression:
    """The expression that a text stands for; `columns` are those of a row, with DuckDB's types.

    Raises:
        QueryRejected: it is no expression, or not a closed one over these columns; the text says why.
    """
    if len(text) > LONGEST or not text.isprintable():
        raise QueryRejected(f"a reward of {len(text)} characters, wanted at most {LONGEST}, all of them printable")
    with _locked() as connection:
        node = _parsed(connection, text)
        spelled = {name.casefold(): name for name in columns}
        used: set[str] = set()
        for part in _parts(node):
            _check(text, part)
            if part["class"] == "COLUMN_REF":
                used.add(_column(text, part, spelled))
        if not used:
            raise QueryRejected(
                f"{text!r} reads no column, so every step would be worth the same. Name one: term_speed"
            )
        sql = _spelled(connection, node)
        for part in list(_parts(node)):
            if part["class"] == "COLUMN_REF" and columns[part["column_names"][0]] in ("FLOAT", "DOUBLE"):
                _widen(part)
        wide = _spelled(connection, node)
        _bind(connection, text, wide, columns)
    return Expression(sql, tuple(sorted(used)), wide)


@cache
def functions() -> tuple[str, ...]:
    """Functions and operators that an expression may call: of numbers, without side effects, the same every time."""
    with _locked() as connection:
        found = connection.execute(_PURE, {"numbers": list(_NUMBERS)}).fetchall()
    return tuple(sorted([name for (name,) in found] + list(_OF_ANY_TYPE)))


def _locked() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"autoload_known_extensions": False, "threads": 1})
    for setting in ("enable_external_access = false", "TimeZone = 'UTC'", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return connection


def _parsed(connection: duckdb.DuckDBPyConnection, text: str) -> Node:
    """The one expression of `SELECT <text>`, if that is all there is."""
    try:
        answer = connection.execute("select json_serialize_sql($1::varchar)", [f"SELECT {text}\n"]).fetchone()
    except (duckdb.Error, UnicodeError) as error:
        raise QueryRejected(f"{text!r} is no SQL expression: {error}") from error
    try:
        tree: Node = json.loads(answer[0]) if answer else {"error": True, "error_message": "nothing"}
    except RecursionError as error:
        raise QueryRejected(f"{text[:60]!r}... is nested too deeply. Say it in a plainer way") from error
    if tree["error"]:
        raise QueryRejected(
            f"{text!r} is no SQL expression: {tree['error_message']}. Wanted one such as term_speed * 2"
        )
    node: Node = tree["statements"][0]["node"] if len(tree["statements"]) == 1 else {}
    bare = (
        node.get("type") == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and not node["modifiers"]
        and not node["cte_map"]["map"]
        and not any(node[part] for part in ("where_clause", "group_expressions", "having", "sample", "qualify"))
        and not node["select_list"][0]["alias"]
    )
    if not bare:
        raise QueryRejected(
            f"{text!r} is more than one expression. Wanted one such as term_speed * 2 - abs(action_steer)"
        )
    expression: Node = node["select_list"][0]
    return expression


def _parts(node: object) -> Iterator[Node]:
    """Every expression in the tree, from the top."""
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for child in node.values():
            yield from _parts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _parts(child)


def _check(text: str, part: Node) -> None:
    kind, name = part["class"], part.get("function_name", "")
    if kind == "FUNCTION" and (name not in functions() or part["schema"] or part["distinct"] or part["filter"]):
        words = [name for name in functions() if name.isidentifier()]
        raise QueryRejected(
            f"{text!r}: {name} is refused. A reward is a function of one row that gives the same number every time: "
            f"no aggregate, no chance, no clock, no text. There are + - * / // % **, case, coalesce, {', '.join(words)}"
        )
    if kind not in _CLASSES or (kind == "OPERATOR" and part["type"] not in _OPERATORS):
        raise QueryRejected(
            f"{text!r}: {kind.lower().replace('_', ' ')} is refused. A reward reads one row's columns: "
            "no subquery, no window, no *, no parameter"
        )


def _column(text: str, part: Node, spelled: Mapping[str, str]) -> str:
    """The column of a reference, which is put into the lake's spelling."""
    names = part["column_names"]
    if len(names) != 1 or names[0].casefold() not in spelled:
        terms = sorted(name for name in spelled.values() if name.startswith("term_"))
        raise QueryRejected(
            f"{text!r}: there is no column {'.'.join(names)!r} in a row. Reward terms: {', '.join(terms) or 'none'}; "
            "others: obs_*, action_*, reward, terminated, truncated, ...; see: pitwall sql 'describe experiences'"
        )
    part["column_names"] = [spelled[names[0].casefold()]]
    return str(part["column_names"][0])


def _widen(part: Node) -> None:
    """Put a cast to DOUBLE around a column, in place."""
    column = dict(part)
    part.clear()
    part |= {"class": "CAST", "type": "OPERATOR_CAST", "alias": "", "query_location": column["query_location"]}
    part |= {"child": column, "cast_type": {"id": "DOUBLE", "type_info": None}, "try_cast": False}


def _spelled(connection: duckdb.DuckDBPyConnection, node: Node) -> str:
    tree = json.loads(connection.execute("select json_serialize_sql('SELECT 1')").fetchall()[0][0])
    tree["statements"][0]["node"]["select_list"] = [node]
    written: str = connection.execute("select json_deserialize_sql($1::json)", [json.dumps(tree)]).fetchall()[0][0]
    return written.removeprefix("SELECT ")


def _bind(connection: duckdb.DuckDBPyConnection, text: str, sql: str, columns: Mapping[str, str]) -> None:
    """Let DuckDB bind it over an empty row."""
    declared = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, kind in columns.items())
    try:
        connection.execute(f"CREATE TABLE steps ({declared})")
        kind = connection.execute(f"SELECT {sql} FROM steps").description[0][1]
    except duckdb.Error as error:
        raise QueryRejected(f"{text!r} cannot be computed: {str(error).strip()}") from error
    if str(kind).split("(")[0] not in _NUMBERS:
        raise QueryRejected(f"{text!r} gives {kind}, wanted a number")
