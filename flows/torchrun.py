"""An update by several processes on this machine, under torch's own launcher (torchrun, `torch.distributed.run`).

Arrives: a `Parcel`. Leaves: what the update leaves. The processes only learn: they get their inputs in a scratch
folder, see neither lake nor catalog, and this process alone publishes. They end with it, however it ends: their
standard input is a pipe from here, and they leave when it closes.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import errors
from schemas.errors import SettingsRejected, WorkersLost

if TYPE_CHECKING:
    from ppo.learner import Progress, Trained
    from ppo.parcel import Parcel

INPUTS, RESULT = "inputs", "result"
_PATIENCE = 10.0
"""Seconds that processes get to end in order."""
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}
_SIGTERM = 15
"""How torchrun ends the others once one is lost."""


def train_shared(parcel: "Parcel", progress: "Progress") -> "Trained":
    """As `ppo.learner.train`, by `parcel.config.processes` processes.

    Raises:
        WorkersLost: a process was killed, or could not begin.
        TrainingStopped, ...: as there, in all processes alike.
    """
    from ppo.parcel import trained_from

    with tempfile.TemporaryDirectory(prefix="pitwall-train-") as name:
        folder = Path(name)
        write(folder / INPUTS, parcel.files())
        log = folder / "log.txt"
        with _launched(folder, parcel.config.processes, log) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):  # torch prints too
                    told = json.loads(line)
                    progress(told["epoch"], told["epochs"], told["figures"])
            code = process.wait()
        if code or not (folder / RESULT).is_dir():
            raise failure(folder, code, parcel.config.processes, log.read_text(encoding="utf-8", errors="replace"))
        return trained_from(read(folder / RESULT), parcel.batch.reward.device)


def refuse_inside() -> None:
    """Raises SettingsRejected in a process that torchrun started: each of them would publish a version."""
    size = os.environ.get("WORLD_SIZE", "1")
    if "TORCHELASTIC_RUN_ID" in os.environ and size != "1":
        raise SettingsRejected(
            f"torchrun started this as one of {size} processes, and each would publish a version. Start it once, it "
            f"calls torchrun by itself: pitwall train --processes {size}"
        )


def failure(folder: Path, code: int, processes: int, log: str) -> errors.PitwallError:
    """What went wrong, from what processes left: an error of ours, who was killed, or any other error."""
    left = {path.stem.partition("-")[2]: json.loads(path.read_bytes()) for path in sorted(folder.glob("error-*.json"))}
    for told in left.values():
        if told["kind"] is not None:
            kind: type[errors.PitwallError] = getattr(errors, told["kind"])
            return kind(told["message"])
    began = f"the training by {processes} processes ended before it was done: "
    unchanged = "Nothing was published. Try again, with fewer processes if memory is short"
    for rank, exit_status in re.findall(r"^ *rank *: (\d+) .*\n *exitcode *: -(\d+)", log, re.MULTILINE):
        if int(exit_status) != _SIGTERM:
            return WorkersLost(f"{began}process {rank} was killed (signal {exit_status}). {unchanged}")
    if left:
        rank, told = next(iter(left.items()))
        return WorkersLost(f"{began}process {rank} met {told['message']}. {unchanged}")
    last = " ".join(log.strip().splitlines()[-3:])
    return WorkersLost(f"{began}torchrun left with {code}: {last:.600}. {unchanged}")


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Files of a folder, which is there once all of them are."""
    unfinished = folder.with_name(folder.name + ".part")
    unfinished.mkdir()
    for name, raw in contents.items():
        (unfinished / name).write_bytes(raw)
    unfinished.rename(folder)


def read(folder: Path) -> dict[str, bytes]:
    """The contents of its files by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def _launched(folder: Path, processes: int, log: Path) -> "Iterator[subprocess.Popen[str]]":
    import torch

    launcher = ["-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={processes}", "--max-restarts=0"]
    nearby = ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "--monitor-interval=0.1"]
    threads = max(1, torch.get_num_threads() // processes)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    if sys.platform in _LOOPBACK:  # processes of one machine; else gloo looks the host's name up
        environment.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK[sys.platform])
    if os.name == "nt":
        environment["USE_LIBUV"] = "0"  # torch's builds for Windows come without it
    with log.open("wb") as errors_to:
        process = subprocess.Popen(
            [sys.executable, *launcher, *nearby, "-m", "flows.rank", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors_to,
            text=True,
            env=environment,
            start_new_session=os.name != "nt",  # Ctrl-C reaches this process only, which then ends them
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()  # the processes leave, and torchrun after them
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
