"""A password in the catalog's URL is in no message, log, manifest, table or parameter."""

import contextlib
import io
import json
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitwall import cli
from schemas.errors import CatalogBusy, SettingsRejected
from schemas.secret import redacted
from schemas.settings import Settings
from tests.ppo.tables import SAMPLES
from warehouse.catalog import Catalog
from warehouse.lake import Lake

SECRET = "hunter2-Xq9"
ROOT = Path(__file__).parents[2]
CLOSED = f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:9/pitwall"
WRONG = [
    f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:port/pitwall", f"postgresql+psycopg://ada:{SECRET}/pitwall",
    f"nodatabase://ada:{SECRET}@host/x", f"postgresql+psycopg://ada:{SECRET}@[::1/x", f"://ada:{SECRET}@host",
    f"postgresql+nodriver://ada:{SECRET}@host/x", f"postgresql+psycopg://host/x?user=ada&password={SECRET}&port=x",
]  # fmt: skip


def said(*arguments: str) -> str:
    """Everything that a command prints, and the whole chain of what it raised."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            cli.app(list(arguments), standalone_mode=False)
        except Exception as error:
            out.write("".join(traceback.format_exception(error)))
    return out.getvalue()


@pytest.mark.parametrize("command", [["sql", "from runs"], ["rejects"], ["models", "list"], ["ingest", "."], ["up"]])
def test_a_catalog_out_of_reach_is_told_without_its_password(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = said("--home", str(tmp_path), "--catalog", CLOSED, *command)
    assert told and SECRET not in told


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_is_wrong_is_told_without_its_password(url):
    with pytest.raises((SettingsRejected, CatalogBusy)) as caught:
        Catalog.open(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["postgresql+psycopg://ada:{}/pitwall", "postgresql+psycopg://ada.invalid:{}"])
@pytest.mark.parametrize("digits", ["48151", "4815162342"])
def test_a_password_of_digits_whose_host_was_forgotten_is_hidden_though_it_looks_like_a_port(tmp_path, url, digits):
    for command in (["settings"], ["sql", "from runs"]):
        told = said("--home", str(tmp_path), "--catalog", url.format(digits), *command)
        assert told and digits not in told, told


def test_the_port_of_a_server_that_refuses_is_told_where_it_is_plainly_one(tmp_path):
    told = said("--home", str(tmp_path), "--catalog", "postgresql+psycopg://127.0.0.1:9/pitwall", "sql", "from runs")
    assert "port 9 failed" in told
    told = said(
        "--home", str(tmp_path), "--catalog", "postgresql+psycopg://localhost.localdomain:9/x", "sql", "from runs"
    )
    assert "port 9 failed" not in told and "out of reach" in told


def test_settings_show_the_url_and_hide_the_password(tmp_path, monkeypatch):
    told = said("--home", str(tmp_path), "--catalog", CLOSED, "settings")
    assert SECRET not in told and "ada:***@127.0.0.1:9/pitwall" in "".join(told.split())
    monkeypatch.setenv("PITWALL_MLFLOW", f"https://ada:{SECRET}@host")
    assert SECRET not in said("--home", str(tmp_path), "settings")
    monkeypatch.setenv("PITWALL_CATALOG", CLOSED)
    assert SECRET not in repr(Settings.load()) and SECRET not in str(Settings.load())
    with pytest.raises(SettingsRejected) as caught:
        Settings.load(catalog=[CLOSED])
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    (tmp_path / "pitwall.toml").write_text(f'catalog = "{CLOSED}\nhome = 1\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsRejected) as caught:
        Settings.load()
    assert SECRET not in str(caught.value)


def test_a_failing_command_of_its_own_process_prints_no_password(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pitwall", "--home", str(tmp_path), "--catalog", CLOSED, "sql", "from runs"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1 and "out of reach" in done.stderr and SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_that_a_lake_on_postgresql_keeps_holds_the_password(postgresql, tmp_path):
    with postgresql.fresh_database() as url:
        secret = postgresql.password
        options = ["--home", str(tmp_path / "home"), "--catalog", url]
        told = said(*options, "models", "import", str(SAMPLES / "policy.json.gz"))
        told += said(*options, "ingest", str(SAMPLES / "session_a"))
        told += said(*options, "train", "--newest", "2", "--set", "epochs=1")
        told += said(*options, "models", "show", "latest", "--json") + said(*options, "settings")
        assert "Traceback" not in told and secret in url and secret not in told
        kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert any(path.name == "manifest.json" for path in kept)
        assert not [path for path in kept if secret.encode() in path.read_bytes()]
        lake = Lake.open(Settings.load(home=tmp_path / "home", catalog=url))
        with lake.catalog.read() as connection:
            tables = __import__("warehouse.tables").tables.metadata.tables.values()
            rows = [list(map(str, row)) for table in tables for row in connection.execute(table.select())]
        lake.catalog.engine.dispose()
        assert rows and secret not in json.dumps(rows)


def test_flows_take_no_setting_as_a_parameter():
    """What Prefect keeps and shows of a run are its parameters: none can be a URL of the catalog."""
    pytest.importorskip("prefect")
    from flows.ingest import ingest
    from flows.lap import lap
    from flows.train import train

    for flow in (ingest, train, lap):
        assert "catalog" not in json.dumps(flow.parameters.model_dump())
    assert (
        SECRET not in (ROOT / "prefect.yaml").read_text()
        and "PITWALL_CATALOG" not in (ROOT / "prefect.yaml").read_text()
    )


@given(st.text("abcXYZ019!$%^*-_/:@#?", min_size=6), st.sampled_from(["u", "", "ada.l"]))
def test_any_password_before_a_host_is_hidden(password, user):
    told = redacted(f"catalog 'postgresql+psycopg://{user}:{password}@host.example/pitwall' failed")
    assert f"{user}:***@" in told and f":{password}@" not in told and "host.example" in told


def test_what_holds_no_password_is_told_whole():
    for text in ("http://127.0.0.1:4200/api is not there", "sqlite:///C:/x.sqlite", "a:b@c", "postgresql://u@h:5432/d",
                 "postgresql://localhost:5433/d", "at http://prefect:4200.", "postgresql://[::1]:5432/d"):  # fmt: skip
        assert redacted(text) == text
