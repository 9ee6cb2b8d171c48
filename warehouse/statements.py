"""Which SQL may be asked: reading statements, one at a time.

Arrives: a text of the user's. Leaves: its statements, each a SELECT in one of its spellings (WITH, FROM, VALUES,
DESCRIBE, SUMMARIZE, SHOW, UNPIVOT) or an EXPLAIN of one.
"""

import re

import duckdb

from schemas.errors import QueryRejected

ALLOWED = "Only reading is allowed: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW, and EXPLAIN of a SELECT"
_REFUSED = re.compile(
    r"(enable|disable|force|verify|import|copy|truncate|write|add)_\w+|checkpoint|query|json_execute_serialized_sql"
)
"""Functions that write a file or change the connection, and those that run SQL put together at run time."""
_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s", re.IGNORECASE)


def split(text: str) -> list[str]:
    """The statements of a text, in order; an empty list for blanks and comments.

    Raises:
        QueryRejected: the text is not SQL, or a statement of it does more than read.
    """
    statements = []
    for statement in _parse(text):
        query = statement.query.strip()
        if statement.type == duckdb.StatementType.SELECT:
            inner = None
        elif statement.type == duckdb.StatementType.EXPLAIN:
            inner = _EXPLAIN.sub("", query, count=1)
        else:
            raise QueryRejected(f"{_kind(statement, query)} is refused. {ALLOWED}.{_hint(query)}")
        if inner is not None and [part.type for part in _parse(inner)] != [duckdb.StatementType.SELECT]:
            raise QueryRejected(
                f"This EXPLAIN is refused. Write EXPLAIN or EXPLAIN ANALYZE and then a SELECT. {ALLOWED}."
            )
        if query not in text:  # the parser puts a SELECT in the place of a PRAGMA or a PIVOT
            raise QueryRejected(f"{text.split()[0].upper()} is refused. {ALLOWED}.{_hint(query)}")
        if called := _refused_function(query):
            raise QueryRejected(f"The function {called} is refused: it does more than read. {ALLOWED}.")
        statements.append(query.rstrip("; \n\t"))
    return statements


def only(text: str) -> str:
    """The one statement of a text.

    Raises:
        QueryRejected: it has none or several, or it is not a reading one.
    """
    statements = split(text)
    if len(statements) != 1:
        raise QueryRejected(f"the text holds {len(statements)} statements; wanted exactly one. Ask them one at a time.")
    return statements[0]


def _refused_function(query: str) -> str | None:
    """The first function of `_REFUSED` that a statement calls, whatever stands between its name and the bracket."""
    tokens = duckdb.tokenize(query)
    stops = [*(start for start, _ in tokens[1:]), len(query.encode())]
    raw, name = query.encode(), ""
    for (start, kind), stop in zip(tokens, stops, strict=True):
        text = raw[start:stop].decode(errors="replace").strip()
        if kind == duckdb.token_type.comment:
            continue
        if text.startswith("(") and _REFUSED.fullmatch(name):
            return name
        name = text.split("--")[0].split("/*")[0].strip().strip('"').casefold()
    return None


def _parse(text: str) -> list[duckdb.Statement]:
    try:
        return duckdb.extract_statements(text)
    except (duckdb.Error, UnicodeError) as error:
        raise QueryRejected(f"{str(error).strip()}\n{ALLOWED}. See the columns with: describe VIEW") from error


def _kind(statement: duckdb.Statement, query: str) -> str:
    return query.split()[0].upper() if query else "PIVOT" if statement.type.name == "CREATE" else statement.type.name


def _hint(query: str) -> str:
    return "" if query else " A PIVOT goes inside one: select * from (pivot ... on column in (...) using ...)"
