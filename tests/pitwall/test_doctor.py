"""`pitwall doctor`: finds what is wrong, says what to do, changes nothing and never ends in a traceback."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall import check, check_engine, check_home, check_installation, check_trackers, cli
from pitwall.check import Check
from schemas.settings import Settings
from tests import places
from tests.pitwall import homes
from warehouse.engine_folder import POINTER


def by_name(home: Path, code: int, **environment: str) -> dict[str, dict[str, str]]:
    done = CliRunner().invoke(cli.app, ["--home", str(home), "doctor", "--json"], env=environment)
    assert done.exit_code == code, done.output
    told = json.loads(done.stdout)
    assert told["problems"] == sum(one["verdict"] == "problem" for one in told["checks"])
    return {one["check"]: one for one in told["checks"]}


def files(folder: Path) -> list[tuple[str, bytes]]:
    """Names and contents; SQLite's own two files beside a catalog do not count."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return sorted((str(path), path.read_bytes()) for path in found)


def test_a_good_home_is_told_line_by_line_and_stays_as_it_is(made_home, tmp_path):
    home = homes.copy(made_home, tmp_path / "home")
    before = files(home)
    told = homes.said(home, "doctor").stdout
    for line in ("ok    Python", "ok    packages", "ok    home", "ok    locks", "ok    catalog", "ok    leftovers"):
        assert line in told
    assert "checks: no problems, " in told
    assert files(home) == before


def test_where_there_is_no_home_none_is_made(tmp_path):
    home = tmp_path / "one" / "two"
    assert by_name(home, 0)["home"]["advice"].endswith("pitwall lap")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "where", "told"),
    [
        (lambda home: (home / "catalog.sqlite").write_bytes(b"nothing" * 99), "catalog", "not a database"),
        (lambda home: (home / "catalog.sqlite").unlink(), "catalog", "is gone, though experiences and models lie"),
        (lambda home: (home / "catalog.sqlite").write_bytes(b""), "catalog", "this is no catalog"),
        (lambda home: (home / "scratch" / "x.tmp").write_text("left"), "leftovers", "1 files"),
    ],
)
def test_what_is_wrong_with_a_home_is_named(spoil, where, told, made_home, tmp_path):
    home = homes.copy(made_home, tmp_path / "home")
    (home / "scratch").mkdir(exist_ok=True)
    spoil(home)
    found = by_name(home, 0 if where == "leftovers" else 1)[where]
    assert told in found["found"] and found["verdict"] == ("note" if where == "leftovers" else "problem")


def test_a_home_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "home").write_text("")
    assert "is a file" in by_name(tmp_path / "home", 1)["home"]["found"]


@pytest.mark.parametrize(("revision", "verdict"), [("0001", "note"), ("9999", "problem")])
def test_a_catalog_of_another_release_is_named_and_not_upgraded(revision, verdict, made_home, tmp_path):
    home = homes.copy(made_home, tmp_path / "home")
    with closing(sqlite3.connect(home / "catalog.sqlite")) as connection, connection:
        connection.execute("update alembic_version set version_num = ?", [revision])
    assert by_name(home, int(verdict == "problem"))["catalog"]["verdict"] == verdict
    with closing(sqlite3.connect(home / "catalog.sqlite")) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [(revision,)]


def test_a_clock_that_is_behind_the_catalog_is_a_problem(made_home, tmp_path):
    home = homes.copy(made_home, tmp_path / "home")
    with closing(sqlite3.connect(home / "catalog.sqlite")) as connection, connection:
        connection.execute("update models set created_at = '2999-01-01 00:00:00.000000' where version = 2")
    assert "2999-01-01" in by_name(home, 1)["clock"]["found"]


def test_the_engine_s_folders_are_looked_at(tmp_path):
    landing, models = tmp_path / "Exports", tmp_path / "Models"
    settings = Settings.load(home=tmp_path / "home", landing=landing, engine_models_dir=models)
    assert [one.verdict for one in check.look([("landing", lambda: check_engine.landing(settings))])] == ["problem"]
    landing.mkdir()
    (landing / "rollout_0_x.json").write_text("{}")
    assert [one.found for one in check_engine.landing(settings)] == [f"{landing}, 1 rollout files"]
    assert [one.verdict for one in check_engine.models(settings)] == ["note"]
    models.mkdir()
    (models / POINTER).write_text(str(models / "pitwall_v1.json"))
    assert [one.verdict for one in check_engine.models(settings)] == ["problem"]
    (models / "pitwall_v1.json").write_text("{}")
    assert [one.verdict for one in check_engine.models(settings)] == ["ok"]
    assert sorted(path.name for path in models.iterdir()) == [POINTER, "pitwall_v1.json"]


def test_a_misspelt_variable_and_a_broken_file_of_settings_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PITWALL_HOMME", "x")
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert "PITWALL_HOMME in the environment names no setting" in done.stdout
    (tmp_path / "pitwall.toml").write_text("home = ")
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1 and "problem" in done.stdout and "pitwall.toml cannot be read" in done.stdout


def test_a_catalog_out_of_reach_is_told_without_its_password(tmp_path):
    found = by_name(tmp_path, 1, PITWALL_CATALOG="postgresql+psycopg://ada:hunter2@127.0.0.1:9/pitwall")
    assert "out of reach" in found["catalog"]["found"] and "hunter2" not in json.dumps(found)


def test_a_server_that_is_named_and_not_there_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (found,) = check_engine.server(Settings.load(home=tmp_path))
    assert (found.verdict, found.found) == ("note", "no server answers at http://127.0.0.1:9")


def test_the_server_of_a_fresh_checkout_that_nobody_started_is_no_note(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:9/api"\n')
    (found,) = check_engine.server(Settings.load(home=tmp_path))
    assert found.verdict == "ok" and found.found.endswith("only schedules need one: pitwall up")


def test_tools_that_are_set_are_looked_at(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")

    def found(**given: object) -> list[tuple[str, str]]:
        settings = Settings.load(home=tmp_path, **given)
        return [(one.check, one.verdict) for one in check_trackers.trackers(settings)]

    secret = "http://ada:hunter2@host"
    assert found() == []
    assert found(tensorboard=tmp_path / "board", mlflow=secret) == [("tensorboard", "ok"), ("mlflow", "ok")]
    assert "hunter2" not in str(list(check_trackers.trackers(Settings.load(home=tmp_path, mlflow=secret))))
    assert found(tensorboard=tmp_path / "file" / "board") == [("tensorboard", "problem")]
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    (one,) = check_trackers.trackers(Settings.load(home=tmp_path, mlflow=secret))
    assert one.verdict == "problem" and one.advice == "pip install 'pitwall[mlflow]'"


def test_a_package_out_of_its_range_is_named():
    from packaging.requirements import Requirement

    assert check_installation._amiss(Requirement("typer<0.1")).endswith("wanted <0.1")
    assert check_installation._amiss(Requirement("no-such-package>=1")) == "no-such-package is missing, wanted >=1"
    assert check_installation._amiss(Requirement("torch>=2")) == ""


def test_a_check_that_breaks_is_a_problem_itself():
    def breaks() -> list[Check]:
        raise ZeroDivisionError("by postgresql://ada:hunter2@host/x")

    (found,) = check.look([("odd", breaks)])
    assert found.verdict == "problem" and "ZeroDivisionError" in found.found and "hunter2" not in found.found


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="rights of POSIX")
def test_a_home_that_may_not_be_written_is_a_problem(made_home):
    with places.open_folder() as folder:
        home = homes.copy(made_home, folder / "home")
        places.read_only(home)
        code = (
            "import json, pathlib, sys, filelock, warehouse.glance, warehouse.catalog; from tests import places\n"
            "from pitwall import check, check_home; from schemas.settings import Settings; places.become_nobody()\n"
            "settings = Settings.load(home=pathlib.Path(sys.argv[1]))\n"
            "looks = [(one.__name__, lambda one=one: one(settings)) for one in (check_home.home, check_home.catalog)]\n"
            "print(json.dumps([(one.check, one.verdict, one.found) for one in check.look(looks)]))\n"
        )
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", code, str(home)], cwd=root, env=dict(os.environ), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        first, second = json.loads(done.stdout)
        assert first[:2] == ["home", "problem"] and "Permission denied" in first[2]
        assert second[:2] == ["catalog", "ok"]


@pytest.mark.skipif(sys.platform == "win32", reason="a tmpfs is no part of Windows")
def test_a_full_disk_is_told(tmp_path):
    with places.tiny_disk(tmp_path / "disk", kib=2048):
        found = {one.check: one.verdict for one in check_home.home(Settings.load(home=tmp_path / "disk"))}
        assert found == {"home": "ok", "locks": "ok", "clock": "ok", "disk": "problem"}
