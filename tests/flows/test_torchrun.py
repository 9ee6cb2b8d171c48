"""A training by two real processes through the whole pipeline, and what is left when one or all are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.reproducing import reproduce
from flows.torchrun import failure
from flows.training import train
from schemas.errors import SettingsRejected, TrainingStopped, WorkersLost
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse.account import account
from warehouse.lake import Lake

pytestmark = leaves_files_open
PROC = Path("/proc")
SHARED = TrainConfig(epochs=2, batch_size=16, device="cpu", processes=2)
ENDLESS = SHARED.model_copy(update={"epochs": 1_000_000})
kills = pytest.mark.skipif(not PROC.is_dir(), reason="who runs is read from /proc")


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # so that processes of this test can be told by their command lines
    monkeypatch.setattr("tempfile.tempdir", None)
    opened = Lake.open(Settings.load(home=tmp_path / "home"))
    import_policy(opened, driver(1).raw, "a.json")
    bring_in(opened, [collect(driver(1), tmp_path / "in" / "a", 0, 61, ends=(20,)).parent], Reporter())
    yield opened
    opened.catalog.engine.dispose()


class Told(Reporter):
    """Does something once the first epoch is over."""

    def __init__(self, then=lambda: None):
        super().__init__()
        self.epochs, self.then = [], then

    def progress(self, what, done, total, note=""):
        if what == "epochs":
            self.epochs.append((done, total, note))
            if done == 1:
                self.then()


def test_two_processes_publish_one_version_that_balances_and_comes_out_again(lake):
    told = Told()
    done = train(lake, Window(), SHARED, told)
    assert [each.version for each in registry.versions(lake)] == [1, 2]
    assert [(at, of) for at, of, _ in told.epochs] == [(1, 2), (2, 2)]
    assert registry.read_manifest(lake, 2).config["processes"] == 2
    assert done.metrics["rows_in_gradient"] == done.metrics["rows_trained"] == 59
    assert account(lake, 2).wrong == []
    alone = train(lake, Window(), SHARED.model_copy(update={"processes": 1}), Reporter(), parent=1)
    for name in ("kl", "explained_variance", "entropy", "first_ratio_mean", "advantage_std"):
        assert done.metrics[name] == pytest.approx(alone.metrics[name], rel=1e-3)
    again = reproduce(lake, 2, Reporter())
    assert again.identical, again.differs


def test_a_failure_is_told_by_its_cause_not_by_what_it_caused(tmp_path):
    (tmp_path / "error-0.json").write_text('{"kind": null, "message": "RuntimeError: Connection closed by peer"}')
    lost = failure(tmp_path, 1, 2, "  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 7)\n")
    assert isinstance(lost, WorkersLost) and "process 1 was killed (signal 9)" in str(lost)
    assert "process 0 met RuntimeError: Connection closed by peer" in str(failure(tmp_path, 1, 2, "rank : 1"))
    (tmp_path / "error-1.json").write_text('{"kind": "TrainingStopped", "message": "epoch 1, minibatch 2: loss nan"}')
    stopped = failure(tmp_path, 1, 2, "")
    assert isinstance(stopped, TrainingStopped) and str(stopped) == "epoch 1, minibatch 2: loss nan"


def test_each_process_that_torchrun_started_would_publish_so_it_is_refused(lake, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsRejected, match="pitwall train --processes 2"):
        train(lake, Window(), SHARED, Reporter())


@kills
def test_a_killed_process_ends_the_training_with_its_number_and_may_be_tried_again(lake, tmp_path):
    def kill_one():
        victim = next(pid for pid, words in _running(tmp_path) if b"torch.distributed.run" not in words)
        os.kill(victim, signal.SIGKILL)

    with pytest.raises(WorkersLost, match=r"by 2 processes .*process [01] was killed \(signal 9\)"):
        train(lake, Window(), ENDLESS, Told(kill_one))
    assert len(registry.versions(lake)) == 1
    assert not _after_a_while(tmp_path)


@kills
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_command(lake, tmp_path, number):
    command = [sys.executable, "-m", "pitwall", "--home", str(lake.settings.home), "train", "--processes", "2"]
    with subprocess.Popen([*command, "--set", "epochs=1000000"], stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 120
            while len(_running(tmp_path)) < 3 and time.monotonic() < deadline:
                time.sleep(0.2)
            assert len(_running(tmp_path)) >= 3  # torchrun and two that learn
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (130 if number == signal.SIGINT else -9), said
    assert not _after_a_while(tmp_path)
    assert len(registry.versions(lake)) == 1


def _running(folder):
    """Ids and command lines of processes that train in this folder."""
    found = []
    for path in PROC.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has ended
            continue
        if b"flows.rank" in words and str(folder).encode() in words:
            found.append((int(path.parent.name), words))
    return found


def _after_a_while(folder):
    deadline = time.monotonic() + 30
    while (left := _running(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
