"""The short version of `python -m benchmarks.reliability`, on both databases, and that it would see a fault."""

import os
import random
import shutil

import pytest

from tests.warehouse.rows import START

if os.name == "nt":
    pytest.skip("SIGKILL and a fork server are POSIX", allow_module_level=True)

from benchmarks.reliability.bank import Bank
from benchmarks.reliability.restored import Restored
from benchmarks.reliability.trial import Tally, Trial, in_home
from benchmarks.reliability.work import KINDS
from schemas.settings import Settings
from warehouse import tables as t
from warehouse.lake import Lake

pytestmark = pytest.mark.slow
KILLS = 12


@pytest.fixture(scope="module")
def bank():
    return Bank.make(0)


@pytest.fixture
def trial(bank, catalog_url, tmp_path):
    url = "" if catalog_url.startswith("sqlite") else catalog_url
    return Trial(tmp_path / "trial", bank, random.Random(4), Tally(), url)


def test_commands_killed_at_random_lose_nothing_and_the_next_run_heals(trial):
    trial.run(lambda: trial.tally.kills.total() >= KILLS, rounds=30)
    assert trial.tally.wrong == []
    assert trial.tally.kills.total() >= KILLS and trial.tally.rows and trial.tally.versions


def test_a_backup_or_restore_that_is_killed_is_no_lake_and_the_next_one_heals(bank, tmp_path):
    drawn = [work for work in KINDS if work.name in ("backup", "restore")]
    trial = Trial(tmp_path / "trial", bank, random.Random(5), Tally(), drawn=drawn)
    for one in bank.inputs[:3]:
        trial._give(one)
    trial._heal()
    trial.run(lambda: trial.tally.kills.total() >= KILLS // 2, rounds=8)
    assert trial.tally.wrong == []
    assert trial.tally.kills.keys() == {"backup", "restore"} and trial.tally.restored >= 3


def test_the_account_sees_half_a_backup_and_half_a_restore(bank, tmp_path):
    trial = Trial(tmp_path / "trial", bank, random.Random(0), Tally())
    for one in bank.inputs[:2]:
        trial._give(one)
    trial._heal()
    assert trial.tally.wrong == []
    copy = Restored(trial.scene.copy, in_home(trial.scene.copy))
    assert copy.backup_wrong() == [] and copy.at_any_moment() == []
    next(copy.home.rglob("*.parquet")).unlink()
    assert any("No such file" in said for said in copy.backup_wrong())
    assert any("No such file" in said for said in copy.at_any_moment())
    (copy.home / "RESTORING.txt").touch()
    assert copy.at_any_moment() == [] and any("the mark" in said for said in copy.at_rest(None))
    (copy.home / "BACKUP.txt").unlink()
    assert any("does not say that it is a backup" in said for said in copy.backup_wrong())
    assert any("there is no catalog" in said for said in trial.place.at_rest(trial.given))
    trial.account.engine.dispose()
    trial.place.account.engine.dispose()
    copy.account.engine.dispose()


def test_the_account_sees_what_a_kill_must_not_leave(bank, tmp_path):
    """Each fault is made by hand in a lake that is sound."""
    trial = Trial(tmp_path / "trial", bank, random.Random(0), Tally())
    for one in bank.inputs[:4]:
        trial._give(one)
    trial._heal()
    assert trial.tally.wrong == [] and trial.account.at_any_moment(trial.given) == []
    lake = Lake.open(Settings.load(home=trial.home))

    def seen(words: str) -> bool:
        return any(words in said for said in trial.account.at_rest(trial.given))

    (partition,) = lake.paths.experiences.rglob("*.parquet")
    content = partition.read_bytes()
    partition.write_bytes(content[:-1])
    assert any("torn" in said for said in trial.account.at_any_moment(trial.given))
    partition.write_bytes(content)
    half = lake.paths.model(1) / "policy.onnx"
    kept = half.read_bytes()
    half.unlink()
    assert any("policy.onnx" in said for said in trial.account.at_any_moment(trial.given))
    half.write_bytes(kept)
    trial.given["new"] = bank.inputs[6]
    assert seen("new is not in the lake") and any("moved away" in w for w in trial.account.at_any_moment(trial.given))
    del trial.given["new"]
    with lake.catalog.begin() as connection:
        row = connection.execute(t.rejects.select()).mappings().one()
        connection.execute(t.rejects.delete())
    assert seen("other rows are among the rejects")
    with lake.catalog.begin() as connection:
        connection.execute(t.rejects.insert(), dict(row))
        connection.execute(t.aliases.update().where(t.aliases.c.alias == "latest").values(version=1, moved_at=START))
    assert any("aliases point at" in said for said in trial.account.at_any_moment(trial.given))
    shutil.rmtree(lake.paths.model(2))
    assert any("v00002" in said for said in trial.account.at_any_moment(trial.given))
    lake.catalog.engine.dispose()
    trial.account.engine.dispose()
    trial.place.account.engine.dispose()
