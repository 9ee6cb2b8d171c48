"""One of the processes that share an update: `python -m flows.rank FOLDER`, started by torchrun (`flows.torchrun`).

Arrives: inputs in the folder, torchrun's variables. Leaves: rank 0 prints a line of JSON per epoch and writes the
result; a process that fails writes its error.
"""

import json
import os
import sys
import threading
from pathlib import Path

import torch

from flows.torchrun import INPUTS, RESULT, read, write
from ppo.group import joined
from ppo.learner import train
from ppo.parcel import Parcel, trained_files
from schemas.errors import PitwallError


def main(folder: Path) -> None:
    """Learn with the others."""
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        _learn(folder, rank, size)
    except PitwallError as error:
        _tell(folder, rank, type(error).__name__, str(error))
        sys.exit(1)
    except Exception as error:
        _tell(folder, rank, None, f"{type(error).__name__}: {error}")
        raise


def _learn(folder: Path, rank: int, size: int) -> None:
    if torch.cuda.is_available():
        torch.cuda.set_device(rank % torch.cuda.device_count())  # each a GPU of its own
    parcel = Parcel.unpacked(read(folder / INPUTS))
    progress = _print if rank == 0 else None
    with joined(rank, size, parcel.batch.reward.device) as group:
        trained = train(
            parcel.policy, parcel.batch, parcel.config, parcel.optimizer_state, progress, parcel.collectors, group
        )
    if rank == 0:
        write(folder / RESULT, trained_files(trained))


def _print(epoch: int, epochs: int, figures: dict[str, float]) -> None:
    print(json.dumps({"epoch": epoch, "epochs": epochs, "figures": figures}), flush=True)


def _tell(folder: Path, rank: int, kind: str | None, message: str) -> None:
    (folder / f"error-{rank}.json").write_text(json.dumps({"kind": kind, "message": message}), encoding="utf-8")


def _leave_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
