"""A reward's expression reads one row and nothing else, and gives the same number every time."""

import pytest

from schemas.errors import QueryRejected
from warehouse.reward_expression import closed, functions

COLUMNS = {
    "term_Speed": "FLOAT", 'term_a "b"': "FLOAT", "action_steer": "FLOAT", "terminated": "BOOLEAN", "step": "INTEGER",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("term_speed * 0.5 - abs(action_steer) * 0.1", ("action_steer", "term_Speed")),
        ("case when terminated then -1 else term_speed end", ("term_Speed", "terminated")),
        ("greatest(term_speed, 0) ** 2 / (1 + step)", ("step", "term_Speed")),
        ("coalesce(term_speed, 0)", ("term_Speed",)),
        ("if(term_speed between 0 and 1 and step not in (1, 2), tanh(term_speed), 0)", ("step", "term_Speed")),
        ('"term_a ""b""" % 2', ('term_a "b"',)),
        ("TERM_SPEED /* as recorded */", ("term_Speed",)),
    ],
)
def test_an_expression_over_a_row_is_taken_and_its_columns_are_named(text: str, reads: tuple[str, ...]):
    found = closed(text, COLUMNS)
    assert found.columns == reads
    assert closed(found.sql, COLUMNS) == found, "what is stored reads the same again"


@pytest.mark.parametrize(
    "text",
    [
        "", "-- nothing", "1", "pi()", "'x'", "term_speed, step", "term_speed as reward", "distinct term_speed", "*",
        "columns('term_*')", "term_speed from steps", "term_speed order by 1", "term_speed limit 1",
        "term_speed; select 1", "term_speed) from read_csv('/etc/passwd'", "term_speed + 1) --", "(select 1)",
        "exists (select term_speed)", "term_speed = any(select 1)", "avg(term_speed)", "count(*)",
        "sum(term_speed) over ()", "row_number() over ()", "lag(term_speed)", "term_speed + random()",
        "term_speed * epoch(now())", "term_speed + current_date", "uuid()", "term_speed + nextval('s')",
        "term_speed + length(getenv('HOME'))", "term_speed + length(current_setting('threads'))",
        "term_speed + len(read_text('/etc/passwd'))", "error('x' || term_speed)", "hash(term_speed)",
        "term_speed::varchar", "main.abs(term_speed)", "steps.term_speed", "#1", "$1", "?", "term_missing",
        "rollout_id", "unnest([term_speed])", "list_sum([term_speed])", "[term_speed][1]", "{'a': term_speed}.a",
        "x -> term_speed", "try(ln(term_speed))", "term_speed collate nocase", "term_speed union select 1",
        "term_speed using sample 1", "term_speed where true", "term_speed\0", "term_speed\n",
        "term_speed + " * 300 + "1", "-" * 1500 + "term_speed",
    ],
)  # fmt: skip
def test_an_expression_that_is_more_is_refused(text: str):
    with pytest.raises(QueryRejected):
        closed(text, COLUMNS)


def test_no_function_on_the_list_knows_chance_time_or_texts():
    assert {"abs", "exp", "greatest", "+", "/"} <= set(functions())
    refused = {
        "random",
        "now",
        "today",
        "getenv",
        "current_setting",
        "hash",
        "version",
        "nextval",
        "error",
        "uuid",
        "avg",
    }
    assert not refused & set(functions())


def test_numbers_are_computed_in_float64():
    assert closed("term_speed * 0.1", COLUMNS).in_float64 == "(CAST(term_Speed AS DOUBLE) * 0.1)"
