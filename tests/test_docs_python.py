"""The page on Python is run from top to bottom; what it says after `# ->` is what comes out."""

import ast
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall.cli import app

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
_SAYS = re.compile(r"(.+?)\s+# -> (.+)$")


def checked(block: str) -> str:
    """The block with an assertion in place of each line that says what comes out."""
    lines = []
    for line in block.splitlines():
        if found := _SAYS.match(line):
            ast.parse(found[1], mode="eval")
            lines.append(f"_said = {found[1]}\nassert repr(_said) == {found[2]!r}, repr(_said)")
        else:
            lines.append(line)
    return "\n".join(lines)


def test_a_line_that_says_something_else_would_be_seen() -> None:
    assert checked("x = 1\nx + 1   # -> 2").splitlines()[1:] == [
        "_said = x + 1",
        "assert repr(_said) == '2', repr(_said)",
    ]


def test_the_page_runs_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    console = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command in re.findall(r"^\$ pitwall (.*)$", "".join(console), re.MULTILINE):
        said = CliRunner().invoke(app, shlex.split(command))
        assert said.exit_code == 0, said.output
    capfd.readouterr()
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(checked(block), names)
    assert (tmp_path / "driver.json").is_file()
    assert capfd.readouterr() == ("", "")
