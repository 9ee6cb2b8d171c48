"""The user's SQL reads the lake and nothing else."""

from contextlib import suppress
from pathlib import Path

import pytest

from schemas.errors import QueryRejected
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.rows import Row, add_rollout
from warehouse.lake import Lake
from warehouse.query import connect, run
from warehouse.statements import split
from warehouse.windows import select


@pytest.fixture
def here(tmp_path: Path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    add_rollout(lake, "a", 0, [Row(0, 0)])
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with suppress(OSError):  # Windows makes links only for some
        (lake.paths.experiences / "link").symlink_to(tmp_path / "secret.csv")
        (lake.paths.experiences / "folder").symlink_to(tmp_path, target_is_directory=True)
    yield lake
    lake.catalog.engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "copy runs to 'runs.csv'",
        "copy (select 1) to '{experiences}/new.parquet'",
        "export database '{outside}/dump'",
        "attach '{outside}/other.db'",
        "attach '{home}/catalog.sqlite' as c (type sqlite)",
        "install httpfs",
        "load httpfs",
        "create table t (a int)",
        "create or replace view runs as select 1",
        "create macro m() as 1",
        "drop view runs",
        "insert into catalog.runs values (1)",
        "delete from catalog.rollouts",
        "update catalog.rollouts set rows = 0",
        "set enable_external_access = true",
        "reset lock_configuration",
        "set variable x = 1",
        "pragma database_list",
        "pragma enable_profiling",
        "call pragma_version()",
        "checkpoint",
        "begin",
        "use memory",
        "prepare p as select 1",
        "vacuum",
        "explain analyze copy (select 1) to '{outside}/x.csv'",
        "explain create table t (a int)",
        "explain analyze insert into catalog.runs values (1)",
        "explain (analyze) copy (select 1) to '{outside}/x.csv'",
        "/* hidden */ explain analyze copy (select 1) to '{outside}/x.csv'",
        "select 1; copy runs to 'runs.csv'",
        "select 1; select 2",
        "pivot runs on run_id",
        "",
        "selec 1",
        "from read_csv('{outside}/secret.csv')",
        "from '{outside}/secret.csv'",
        "from read_text('{outside}/secret.csv')",
        "from read_blob('{home}/catalog.sqlite')",
        "from read_text('{experiences}/../catalog.sqlite')",
        "from read_text('{experiences}/../../secret.csv')",
        "from sqlite_scan('{home}/catalog.sqlite', 'runs')",
        "from glob('{outside}/*')",
        "from glob('/*')",
        "from read_parquet('/proc/self/environ')",
        "from read_text('C:\\Windows\\win.ini')",
        "from read_text('C:/Windows/win.ini')",
        "from read_text('\\\\server\\share\\file')",
        "from read_csv('https://127.0.0.1:9/x.csv')",
        "from read_parquet('s3://bucket/x.parquet')",
        "from parquet_metadata('{outside}/secret.csv')",
        "from sniff_csv('{outside}/secret.csv')",
        "select getenv('HOME')",
        "from read_text('file:///etc/passwd')",
        "from read_text(['/etc/passwd'])",
        "from read_blob('/etc/passwd')",
        "from read_json('/etc/passwd')",
        "from read_csv('/etc/passwd', sep = ':')",
        "from read_ndjson_objects('/proc/self/environ')",
        "from parquet_full_metadata('/etc/passwd')",
        "from read_duckdb('{outside}/other.db')",
        "from query_table('{outside}/secret.csv')",
        "from query_table(['/etc/passwd'])",
        "with a as materialized (from read_text('/etc/passwd')) from a",
        "select (select content from read_text('/etc/passwd'))",
        "explain analyze from read_text('/etc/passwd')",
        "describe from read_csv('{outside}/secret.csv')",
        "summarize '{outside}/secret.csv'",
        "from read_text('{experiences}/link')",
        "from read_text('{experiences}/folder/secret.csv')",
        "from glob('{experiences}/folder/*')",
        "from '{experiences}/folder/*.csv'",
        "from query('select ' || '1')",
        "from system.main.query('from read_text(''/etc/passwd'')')",
        "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "from enable_logging(storage = 'file', storage_config = {'path': '{experiences}/log'})",
        "from \"ENABLE_logging\" /* ( */ -- (\n (storage = 'stdout')",
        "from system.main.enable_profiling(format = 'json', save_location = '{experiences}/profile.json')",
        "select 'x'.write_log()",
        "from checkpoint()",
        "explain from truncate_duckdb_logs()",
        "from postgres_scan('host=127.0.0.1', 'public', 't')",
        "from duckdb_secrets()",
        "export database '{experiences}'",
        "import database '{experiences}'",
        "detach memory",
        "comment on view runs is 'x'",
        "alter view runs rename to r",
        "execute p",
        "set threads = 1",
        "set global enable_external_access = true",
        "load '{outside}/evil.duckdb_extension'",
        "install evil from '{outside}'",
        "create secret (type s3)",
        "create temp macro query(x) as x",
        "copy runs to stdout",
        "\0select 1",
    ],
)  # fmt: skip
def test_what_is_more_than_reading_the_lake_is_refused(here: Lake, tmp_path: Path, statement: str):
    before = sorted(path for path in tmp_path.rglob("*") if not path.name.startswith("catalog.sqlite"))
    places = {"outside": tmp_path, "home": here.paths.home, "experiences": here.paths.experiences}
    for name, place in places.items():
        statement = statement.replace("{" + name + "}", place.as_posix())
    with pytest.raises(QueryRejected) as refusal:
        run(here, statement)
    assert any(word in str(refusal.value) for word in ("Only", "Views:", "exactly one", "describe VIEW", "sql --help"))
    assert before == sorted(path for path in tmp_path.rglob("*") if not path.name.startswith("catalog.sqlite"))


@pytest.mark.parametrize(
    "statement",
    [
        "select 1", "with a as (select 1) from a", "from runs", "table runs", "values (1)", "describe runs",
        "summarize runs", "show tables",
        "explain select * from episodes", "EXPLAIN ANALYZE from runs", "select 1;", "-- why\nselect 1",
        "select ';' as semicolon", "select * from (pivot runs on run_id in ('a') using count(*))",
        "unpivot (select 1 as a, 2 as b) on a, b",
    ],
)  # fmt: skip
def test_reading_in_all_its_spellings_is_allowed(here: Lake, statement: str):
    assert run(here, statement).num_rows >= 1


SQL = [
    "'; drop table catalog.rollouts; --",
    "/etc/passwd",
    "from read_text('/etc/passwd')",
    "$run",
    "?",
    "%s",
    "\\'",
    '"',
]


@pytest.mark.parametrize("text", SQL)
def test_a_bound_value_is_a_value(here: Lake, text: str):
    assert run(here, "select $a as a, count(*) as runs from runs where run_id = $a", {"a": text}).to_pylist() == [
        {"a": text, "runs": 0}
    ]
    for statement in ("from read_text($a)", "from query_table($a)", "from glob($a)", "from query($a)"):
        with pytest.raises(QueryRejected):
            run(here, statement, {"a": text})
    assert run(here, "from runs").num_rows == 1


def test_names_that_look_like_functions_are_still_names(here: Lake):
    assert run(here, "with query as (select 1 as copy_x) select sum(copy_x) as query from query").to_pylist() == [
        {"query": 1}
    ]


def test_a_window_s_own_sql_is_closed_too(here: Lake):
    for sql in ("copy runs to 'x.csv'", "from read_text('/etc/passwd')", "select 1; drop view runs", "from query('x')"):
        with pytest.raises(QueryRejected):
            select(here, Window(sql=sql))


def test_a_python_variable_is_not_a_table(here: Lake):
    frame = run(here, "select 1 as a")
    with pytest.raises(QueryRejected, match="Views:"):
        run(here, "from frame")
    assert frame.num_rows == 1


def test_the_configuration_of_a_connection_is_locked(here: Lake):
    import duckdb

    with connect(here, "from runs") as connection:
        for setting in ("enable_external_access = true", "allowed_directories = ['/']", "lock_configuration = false"):
            with pytest.raises(duckdb.Error):
                connection.execute(f"set {setting}")


def test_a_text_is_split_into_its_statements():
    assert split("select 1; -- one\n select ';'; ") == ["select 1", "-- one\n select ';'"]
    assert split("-- nothing\n") == []
