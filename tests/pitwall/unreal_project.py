"""A project of the racing plugin on disk: its folders, its script, and its engine, which drives and loads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.flows.sessions import Driver, collect
from tests.ppo.contract import engine

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "integrations" / "unreal" / "train_pytorch.py"


class Project:
    """`Mein Rennspiel Ü/Racer.uproject` and what the plugin keeps below it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "Mein Rennspiel Ü"
        self.exports = self.folder / "Saved" / "Training" / "Exports"
        self.models = self.folder / "Saved" / "Training" / "Models"
        self.home = self.folder / "pitwall-data"
        self.script = self.folder / "Plugins" / "Racing Plugin" / "Scripts" / "train_pytorch.py"
        for place in (self.exports, self.models, self.script.parent):
            place.mkdir(parents=True)
        (self.folder / "Racer.uproject").write_text("{}")
        self.script.write_bytes(SCRIPT.read_bytes().replace(b"\n", b"\r\n"))  # as git checks it out on Windows

    def loads(self, who: Driver, name: str = "model_epoch_7.json") -> None:
        """The engine's policy, as the plugin's own script left it."""
        text = json.dumps(json.loads(who.raw), indent=1).replace("\n", "\r\n")
        (self.models / name).write_bytes(text.encode())
        (self.models / "best_model_path.txt").write_text(f"Saved\\Training\\Models\\{name}\r\n")

    def drives(self, who: Driver, index: int, rows: int = 64, seed: int = 0) -> Path:
        """One rollout of this policy."""
        return collect(who, self.exports, index, rows, seed=seed)

    def drives_on(self, index: int, rows: int = 64) -> Path:
        """One rollout of the policy that the pointer names, as the engine loads and drives it."""
        return collect(Driver(self.loaded(), b""), self.exports, index, rows)

    def loaded(self) -> Any:
        """What the engine has in memory after it followed the pointer; an error where it would skip anything."""
        return engine.Network.load(self.pointer())

    def pointer(self) -> Path:
        return Path((self.models / "best_model_path.txt").read_text(encoding="utf-8"))

    def start(self, *arguments: str, cwd: Path | None = None, **popen: Any) -> "subprocess.Popen[bytes]":
        """As the plugin starts it: no shell, three arguments, pipes; its console knows 256 letters."""
        environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, str(self.script), *(arguments or (str(self.exports), str(self.models), "2"))],
            cwd=cwd or Path(self.folder.anchor),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **popen,
        )


def said(process: "subprocess.Popen[bytes]") -> str:
    """What it printed until its end."""
    out, _ = process.communicate(timeout=120)
    return out.decode("cp1252")
