"""`--json`: standard output is one JSON document and nothing else, with keys that scripts may count on."""

import datetime
import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from pitwall.plain import plain
from tests.pitwall import homes

KEYS = {
    "ingest nowhere-new": {"accepted", "duplicates", "experiences", "ignored", "known", "known_rejects", "left",
                           "rejected_files", "rejected_rows", "rollouts", "seconds", "warnings"},
    "window --newest 2": {"narrowed", "request", "reward", "rollouts", "rows", "rows_sha256", "space", "sql",
                          "window_id"},
    "train --newest 2 --at-least-new 9": {"engine_file", "folder", "metrics", "new_rollouts", "notes", "parent",
                                          "reason", "rollouts", "rows", "seconds", "start", "version", "window_id"},
    "models show 2": {"aliases", "ancestors", "config", "dropped_at", "dropped_by", "files", "fingerprint", "folder",
                      "libraries", "metrics", "notes", "parent", "rollouts", "seeds", "space", "start",
                      "version", "window", "window_id"},
    "models diff 1 2": None,
    "models promote 2": {"alias", "from_version", "to_version", "reason"},
    "models promote 2 --alias mine": {"alias", "from_version", "to_version", "reason"},
    "models judge": {"champion", "drive", "promoted", "rolled_back", "reason"},
    f"models import {homes.SAMPLES}/policy.json.gz": {"version", "file"},
    "models deliver 1": {"version", "engine_file"},
    "models export 2 --to nowhere-new": {"files"},
    "models track 2": {"places"},
    "report 2": {"report"},
    "verify": None,
    "trace 2": None,
    "maintain --dry-run": {"collection", "compaction", "dry_run", "retention", "seconds"},
    "settings": {"home", "catalog", "landing"},
    "settings --config": {"epochs", "learning_rate"},
    "doctor": {"checks", "problems"},
    "status": {"champion", "experiences", "flows", "health", "home", "latest", "loop", "newest", "rejected",
               "rollouts", "runs", "bytes", "versions", "waiting"},
}  # fmt: skip
"""Command -> keys that must be there; None: whatever there is."""


@pytest.mark.parametrize("command", KEYS)
def test_standard_output_is_one_object(command, made_home, tmp_path, monkeypatch):
    monkeypatch.setenv("PITWALL_ENGINE_MODELS_DIR", str(tmp_path / "engine"))
    monkeypatch.setenv("PITWALL_TENSORBOARD", str(tmp_path / "board"))
    home = homes.copy(made_home, tmp_path / "home")
    place = tmp_path / "nowhere-new"
    place.mkdir()
    told = homes.said(home, *command.replace("nowhere-new", str(place)).split(), "--json")
    found = json.loads(told.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(found, dict) and found
    assert (KEYS[command] or set()) - found.keys() == set()
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("command", ["models list", "rejects", "evaluate 1 --tracks 1 --cars 1", "rescore --list"])
def test_lists_come_as_one_array(command, made_home, tmp_path):
    home = homes.copy(made_home, tmp_path / "home")
    assert isinstance(json.loads(homes.said(home, *command.split(), "--json").stdout), list)


def test_exit_codes_are_the_same(made_home, tmp_path):
    bad = tmp_path / "rollout_1_bad.json"
    bad.write_text("[")
    home = homes.copy(made_home, tmp_path / "home")
    assert json.loads(homes.said(home, "ingest", str(bad), "--json", code=3).stdout)["rejected_files"]


def test_what_json_lacks_has_a_place_in_it():
    @dataclass
    class Found:
        when: datetime.datetime
        where: PurePosixPath
        odd: float

    moment = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    assert plain([Found(moment, PurePosixPath("a/b"), math.nan)]) == [
        {"when": "2026-01-02T03:04:00+00:00", "where": "a/b", "odd": None}
    ]
    assert plain({1: {2.5}, "x": (True, None)}) == {"1": [2.5], "x": [True, None]}
