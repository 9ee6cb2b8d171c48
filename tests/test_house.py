"""The arrows between the rooms, read from the imports."""

import ast
import importlib
from pathlib import Path

import pytest
import sqlalchemy as sa

ROOT = Path(__file__).parents[1]
ROOMS = ("schemas", "warehouse", "ppo", "flows", "pitwall", "racing", "reports")
MAY_IMPORT = {
    "schemas": set(),
    "warehouse": {"schemas"},
    "ppo": {"schemas"},
    "flows": {"schemas", "warehouse", "ppo", "racing", "reports"},
    "pitwall": {"schemas", "warehouse", "ppo", "flows", "racing"},
    "racing": set(),
    "reports": {"schemas"},
}
NEVER = {
    "warehouse": {"torch", "prefect", "typer", "safetensors", "onnxruntime"},
    "ppo": {"duckdb", "sqlalchemy", "polars", "prefect", "typer", "io", "pathlib", "tempfile", "shutil", "sqlite3"},
    "schemas": {"torch", "sqlalchemy", "duckdb", "prefect"},
    "reports": {"torch", "sqlalchemy", "duckdb", "polars", "prefect", "typer", "pathlib"},
}
POSIX_ONLY = {"fcntl", "pwd", "grp", "resource", "termios", "posix", "pty", "tty", "crypt", "syslog", "spwd", "nis"}
FILES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path):
    """Every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield f"{path.relative_to(ROOT).parts[0]}.{node.module or ''}"
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def calls(path):
    """Names of what a file calls: `open`, `os.fork`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_its_room_may(path):
    room = path.relative_to(ROOT).parts[0]
    imported = {module.split(".")[0] for module in imports(path)}
    assert imported & MAY_IMPORT.keys() - {room} <= MAY_IMPORT[room]
    assert not imported & NEVER.get(room, set())
    assert not imported & {"tests", "benchmarks"}
    assert not imported & POSIX_ONLY, "the engine's users sit on Windows"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_processes_are_made_as_windows_makes_them(path):
    for function, node in calls(path):
        assert function not in ("os.fork", "os.forkpty", "os.killpg", "os.setsid", "signal.alarm", "os.mkfifo")
        if function.endswith(("get_context", "set_start_method")):
            assert [argument.value for argument in node.args] == ["spawn"]
        assert not any(word.arg == "shell" and ast.unparse(word.value) == "True" for word in node.keywords)
        assert not any(word.arg == "preexec_fn" for word in node.keywords)


@pytest.mark.parametrize("path", sorted((ROOT / "ppo").glob("*.py")), ids=lambda path: path.name)
def test_the_learner_opens_no_file(path):
    assert not {function for function, _ in calls(path)} & {"open", "Path", "os.open", "torch.save", "save_file"}


def test_an_import_that_breaks_an_arrow_would_be_seen(tmp_path):
    folder = ROOT / "warehouse"
    broken = tmp_path / "warehouse.py"
    broken.write_text("def f():\n    import torch\n    from ppo.gae import advantages\n")
    assert set(imports(broken)) == {"torch", "ppo.gae"} and folder.is_dir()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_arrives_and_what_leaves(room):
    said = importlib.import_module(room).__doc__
    assert "Arrives" in said and "Leaves" in said


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_named_after_a_thing_and_says_what_it_is(path):
    assert not {"utils", "util", "common", "helpers", "helper", "manager", "misc"} & set(path.stem.split("_"))
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_the_catalog_s_revision_is_the_newest_migration():
    from alembic.script import ScriptDirectory

    from warehouse.catalog import REVISION

    assert ScriptDirectory(str(ROOT / "warehouse" / "migrations")).get_heads() == [REVISION]


def test_migrations_make_exactly_the_tables_of_this_release(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from warehouse.catalog import Catalog
    from warehouse.tables import metadata

    catalog = Catalog.open(f"sqlite:///{(tmp_path / 'catalog.sqlite').as_posix()}")
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        made, wanted = sa.inspect(connection), sa.create_engine("sqlite://")
        metadata.create_all(wanted)
        for table in metadata.tables:
            for what in ("get_pk_constraint", "get_unique_constraints", "get_check_constraints", "get_foreign_keys"):
                found, declared = getattr(made, what)(table), getattr(sa.inspect(wanted), what)(table)
                assert sorted(map(repr, found)) == sorted(map(repr, declared)), (table, what)
        wanted.dispose()
    catalog.engine.dispose()
