"""The upkeep from the command line."""

import json
import os
import time
from pathlib import Path

from typer.testing import CliRunner

from pitwall.cli import app
from schemas.settings import Settings
from tests.warehouse.days import as_if_passed
from tests.warehouse.test_compaction import in_use, one_by_one
from warehouse.lake import Lake


def test_a_dry_run_lists_and_the_run_does_it(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    lake = Lake.open(Settings.load(home=home, catalog="", settle_seconds=0))
    one_by_one(lake, tmp_path / "a", 4)
    call = CliRunner().invoke
    environment = {"PITWALL_KEEP_ROLLOUTS": "3"}
    dry = call(app, ["--home", home, "maintain", "--dry-run"])
    assert dry.exit_code == 0 and "would join    4 partitions of a" in dry.stdout and len(in_use(lake)) == 4
    assert "would drop rollouts" in dry.stdout and "would delete" in dry.stdout
    assert not any(word in dry.stdout for word in ("joined", "dropped", "deleted"))
    done = call(app, ["--home", home, "maintain"])
    assert done.exit_code == 0 and "4 partitions into 1: 32 experiences" in done.stdout and len(in_use(lake)) == 1
    as_if_passed(lake, 8)
    told = call(app, ["--home", home, "maintain", "--json"], env=environment)
    account = json.loads(told.stdout)
    assert len(account["collection"]["removed"]) == 4 and len(account["retention"]["rollouts"]) == 1
    assert account["retention"]["rule"] == "keep_rollouts = 3"
    lake.catalog.engine.dispose()


def test_what_killed_deliveries_and_commands_left_goes_after_the_grace(tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog="", settle_seconds=0))
    outside, inside = tmp_path / "Models", lake.paths.scratch
    for folder in (outside, inside):
        folder.mkdir()
        (folder / f"pitwall-{'0a' * 16}.tmp").write_bytes(b"half")
    (outside / "best_model_path.txt").write_bytes(b"x")
    environment = {"PITWALL_ENGINE_MODELS_DIR": str(outside)}

    def removed(*words: str) -> list[str]:
        told = CliRunner().invoke(
            app, ["--home", str(tmp_path / "home"), "maintain", *words, "--json"], env=environment
        )
        return [one["path"] for one in json.loads(told.stdout)["collection"]["removed"]]

    assert removed() == []
    as_if_passed(lake, 8)
    eight_days_ago = time.time() - 8 * 86400
    os.utime(outside / f"pitwall-{'0a' * 16}.tmp", (eight_days_ago, eight_days_ago))
    left = [f"scratch/pitwall-{'0a' * 16}.tmp", str(outside / f"pitwall-{'0a' * 16}.tmp")]
    assert removed("--dry-run") == left and removed() == left and removed() == []
    assert [path.name for path in outside.iterdir()] == ["best_model_path.txt"] and list(inside.iterdir()) == []
    lake.catalog.engine.dispose()


def test_damage_is_named_and_is_an_exit_code_of_its_own(tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog="", settle_seconds=0))
    one_by_one(lake, tmp_path / "a", 3)
    torn = in_use(lake)[0]
    torn.write_bytes(b"PAR1")
    done = CliRunner().invoke(app, ["--home", str(tmp_path / "home"), "maintain"])
    assert done.exit_code == 3 and torn.name in done.stdout and "2 partitions into 1" in done.stdout
    lake.catalog.engine.dispose()
