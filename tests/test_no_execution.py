"""What comes from outside is data: nothing of it is ever run."""

import ast
import os
import pickle

import pytest
import torch

from ppo.adam import Adam
from ppo.policy import Policy
from racing.errors import DriverRejected
from racing.policy_document import PolicyDocument
from schemas.errors import PolicyRejected, TrainingStopped
from schemas.policy_file import read_policy
from tests.test_house import FILES, ROOT, calls, imports
from tests.warehouse.rollouts import name
from warehouse.ingest import ingest

NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "_pickle", "pickletools", "code"}
NEVER_CALLED = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "np.save", "np.savez",
    "pd.read_pickle", "os.system", "os.popen", "yaml.load", "runpy.run_path", "onnx.hub.load",
}  # fmt: skip


def broken(path):
    """What a file does that could run what it reads."""
    found = [module for module in imports(path) if module and module.split(".")[0] in NEVER_IMPORTED]
    for function, node in calls(path):
        found += [function] if function in NEVER_CALLED else []
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        found += [function] if function.endswith(".load") and words.get("allow_pickle", "False") != "False" else []
        found += [function] if words.get("weights_only") == "False" else []
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_room_can_run_what_it_reads(path):
    assert broken(path) == []


def test_what_could_run_would_be_seen(tmp_path):
    path = ROOT / "warehouse" / "__init__.py"
    assert broken(path) == []
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import pickle\nfrom joblib import load\ndef f(x):\n    import dill\n    eval(x)\n    torch.load(x)\n"
        "    np.load(x, allow_pickle=True)\n    g(x, weights_only=False)\n    torch.jit.load(x)\n"
    )
    assert sorted(set(broken(bad))) == [
        "dill", "eval", "g", "joblib", "np.load", "pickle", "torch.jit.load", "torch.load",
    ]  # fmt: skip


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def trap(tmp_path):
    """A folder that exists once somebody has run the bytes, and the bytes."""
    return tmp_path / "sprung", pickle.dumps(Trap(tmp_path / "sprung"))


def test_the_trap_works(trap):
    folder, raw = trap
    pickle.loads(raw)
    assert folder.is_dir()


def test_a_pickle_is_no_policy_no_optimizer_and_no_rollout(trap, lake, tmp_path):
    folder, raw = trap
    torch.save({"state": 1}, tmp_path / "model.pt")
    for content in (raw, (tmp_path / "model.pt").read_bytes()):
        for read, error in (
            (Policy.from_safetensors, PolicyRejected),
            (read_policy, PolicyRejected),
            (lambda bad: PolicyDocument.read(bad, "p.json"), DriverRejected),
            (Adam(torch.zeros(3), 1e-5).restore, TrainingStopped),
        ):
            with pytest.raises(error):
                read(content)
        path = tmp_path / name(0)
        path.write_bytes(content)
        assert ingest(lake, [path]).rejected_files
    assert not folder.exists()
