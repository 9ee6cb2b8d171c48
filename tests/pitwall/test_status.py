"""`pitwall status`: one screen, and the same for programs."""

import json
import shlex

import pytest

from schemas.errors import NotRegistered
from schemas.settings import Settings
from tests.pitwall import homes
from warehouse.lake import Lake


def test_it_fits_on_one_screen_and_tells_the_state_of_the_lake(made_home, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    told = homes.said(made_home, "status").stdout
    for shown in ("5 rollouts of 1 run, 10,240 experiences", "1 file and 0 rows rejected", "version 1 drove"):
        assert shown in told
    assert "version 2 of 2 (warm, from 1)" in told and "of drives finish a lap" in told
    assert "0 rollouts are new to training" in told and "see: pitwall ask health" in told
    assert len(told.splitlines()) <= 24


def test_for_programs_it_has_the_same_keys_always(made_home, tmp_path):
    empty = tmp_path / "empty"
    Lake.open(Settings.load(home=empty)).catalog.engine.dispose()
    told = [json.loads(homes.said(home, "status", "--json").stdout) for home in (made_home, empty)]
    assert list(told[0]) == list(told[1])
    assert (told[0]["rollouts"], told[0]["experiences"], told[0]["versions"]) == (5, 10_240, 2)
    assert told[0]["rejected"] == {"files": 1, "rows": 0} and told[0]["waiting"] == {"rollouts": 0, "wanted": 1}
    assert told[0]["champion"]["version"] == 1 and told[0]["latest"]["evaluation"]["drives"] == 1
    assert told[0]["newest"][0]["ingested_at"].endswith("Z") and told[0]["health"] in ("ok", "warning", "bad")
    assert (told[1]["rollouts"], told[1]["champion"], told[1]["health"]) == (0, None, "unknown")


def test_rollouts_that_no_version_saw_wait(tmp_path):
    home = tmp_path / "home"
    homes.said(home, "ingest", str(homes.SAMPLES / "session_a"))
    told = json.loads(homes.said(home, "status", "--json").stdout)
    assert told["waiting"]["rollouts"] == 5
    assert "driver unknown" in homes.said(home, "status").stdout


def test_a_server_that_does_not_answer_costs_nothing(made_home, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    told = json.loads(homes.said(made_home, "status", "--json").stdout)
    assert told["flows"] == {"server": "http://127.0.0.1:9", "running": 0}
    assert "no server answers at http://127.0.0.1:9; start it: pitwall up" in homes.said(made_home, "status").stdout


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status --json",
        "sql 'select count(*) from episodes'",
        "ask health",
        "report",
        "models list",
        "models show latest",
        "trace rollout_0.json",
        "verify",
        "analyse",
        "window",
        "rejects",
        "rescore --list",
        "reproduce 1",
        "evaluate",
        "backup copy",
        "maintain",
    ],
)
def test_where_there_is_no_lake_a_command_that_asks_one_says_so_and_makes_none(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotRegistered, match=r"typo holds no lake.*--home FOLDER.*pitwall lap.*pitwall ingest FOLDER"):
        homes.said(tmp_path / "typo", *shlex.split(command))
    assert list(tmp_path.iterdir()) == []


def test_health_names_whole_files_that_were_turned_away_and_has_no_advice_where_all_is_well(made_home):
    told = json.loads(homes.said(made_home, "ask", "health", "--format", "json").stdout)
    checks = {row["check"]: row for row in told}
    share, files = checks["rejected: share of experiences"], checks["files rejected whole: count"]
    assert (share["verdict"], share["advice"]) == ("ok", "")
    assert (files["figure"], files["verdict"]) == (1, "warning") and "pitwall rejects" in files["advice"]
