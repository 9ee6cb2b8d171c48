"""Names from a file become folders, columns and SQL, and stay names all the while."""

from ppo.batch import Batch
from schemas.window import Window
from tests.warehouse.rollouts import experience, name, rows, sql, write_json
from warehouse.ingest import ingest
from warehouse.query import run
from warehouse.window_rows import window_rows
from warehouse.windows import select

SQL = "'; drop table catalog.rollouts; --"
NAMES = [
    SQL, 'x" from read_text(\'/etc/passwd\') --', "$run", "?", "%s", "{version}", "../../x", "/etc/passwd", "C:\\con",
    "a.b", "select", "*", "^obs_.*$", "x" * 128, "東京🏎", "[0]", "`", "\\", "rollout_id", "e\u0301", "'", '"', " ",
]  # fmt: skip
BAD = ["a\nb", "a\0b", "\x1b[2J", "\u202e", "\u200b", "x" * 129, ""]


def document(names, run):
    """A file that has the odd names in every place in which a name may stand."""
    experiences = [
        row | {"action": dict.fromkeys(names, 0.5), "reward_terms": dict.fromkeys(names, 1.0)}
        for row in rows(4, width=len(names))
    ]
    return {
        "experiences": experiences, "observation_names": names, "run_id": run, "environment": run,
        "reward_names": names, "timestamp": run, "unknown": run,
    }  # fmt: skip


def test_any_printable_name_is_a_column_a_run_and_no_more(lake, tmp_path):
    parts = [NAMES[:8], NAMES[8:16], NAMES[16:]]
    paths = [write_json(tmp_path / "in" / name(at), document(part, part[0])) for at, part in enumerate(parts)]
    assert sorted(ingest(lake, [tmp_path / "in"]).accepted) == sorted(map(str, paths))
    table = run(lake, "from experiences").to_pylist()
    for part in parts:
        mine = [row for row in table if row["run_id"] == part[0]]
        for place, odd in enumerate(part):
            assert sorted(row[f"obs_{odd}"] for row in mine) == [number + place / 16 for number in range(4)]
            assert {row[f"action_{odd}"] for row in mine} == {0.5} and {row[f"term_{odd}"] for row in mine} == {1.0}
    assert dict(sql(lake, "select run_id, environment from rollouts")) == {part[0]: part[0] for part in parts}
    quoted = SQL.replace('"', '""')
    assert sql(lake, f'select sum("obs_{quoted}") from experiences where run_id = $run', run=SQL) == [(6.0,)]


def test_an_odd_name_reaches_the_tensors(lake, tmp_path):
    made = document([SQL], SQL)
    for row in made["experiences"]:
        row["done"] = True
    ingest(lake, [write_json(tmp_path / name(0), made)])
    window = select(lake, Window(run=SQL))
    batch = Batch.from_arrow(window_rows(lake, window), window.space)
    assert batch.observations[:, 0].tolist() == [0.0, 2.0, 1.0, 3.0]  # agents take turns
    assert batch.actions[:, 0].tolist() == [0.5] * 4


def test_a_name_that_does_not_print_is_no_column(lake, tmp_path):
    others = [str(number) for number in range(14)]
    for index, odd in enumerate(BAD):
        for place, head in enumerate([
            {"observation_names": [odd, *others]}, {"action_names": [odd, "b", "c"]},
            {"experiences": [experience(index, reward_terms={odd: 1.0})]},
        ]):  # fmt: skip
            write_json(tmp_path / "in" / name(3 * index + place), {"experiences": rows(start=index), **head})
    report = ingest(lake, [tmp_path / "in"])
    assert len(report.rejected_files) == 3 * len(BAD) and not report.accepted
    assert all(reason.isprintable() for reason in report.rejected_files.values())
