"""A home with the sample session, its policy and a version trained on it: made once, copied for a test."""

import shutil
from pathlib import Path

from typer.testing import CliRunner, Result

from pitwall import cli
from schemas.errors import PitwallError

SAMPLES = Path(__file__).parents[2] / "samples"


def said(home: Path, *arguments: str, code: int = 0) -> Result:
    """What a command says; its errors are raised, its exit code is checked."""
    done = CliRunner().invoke(cli.app, ["--home", str(home), *arguments])
    if isinstance(done.exception, PitwallError):
        raise done.exception
    assert done.exit_code == code, f"{arguments}\n{done.output}\n{done.exception!r}"
    return done


def make(home: Path) -> Path:
    """Two versions, five rollouts, one rejected file, one evaluation each."""
    said(home, "models", "import", str(SAMPLES / "policy.json.gz"))
    said(home, "ingest", str(SAMPLES / "session_a"))
    bad = home.parent / "bad" / "rollout_9_bad.json"
    bad.parent.mkdir()
    bad.write_text("{", encoding="utf-8")
    said(home, "ingest", str(bad), code=3)
    said(home, "train", "--newest", "5", "--set", "epochs=1")
    said(home, "evaluate", "1", "2", "--tracks", "1", "--cars", "1")
    return home


def copy(home: Path, to: Path) -> Path:
    """Another home with the same in it."""
    return Path(shutil.copytree(home, to))
