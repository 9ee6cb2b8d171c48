"""A missing program is installed once, and a failure is the reason of the skip; Debian's apt-get is a script here."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import debian

pytestmark = pytest.mark.skipif(not debian.may_install(), reason="only root on Debian installs programs")
SCRIPT = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$*" in *" install "*) sleep 0.2; {last};; esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def apt_get(folder: Path, last: str) -> None:
    script = folder / "apt-get"
    script.write_text(SCRIPT.format(folder=folder, last=last))
    script.chmod(0o755)


def test_two_who_want_the_same_program_install_it_once(folder: Path) -> None:
    apt_get(folder, f"cp {folder}/apt-get {folder}/pitwall-wheel")
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda _: debian.found_or_installed(lambda: shutil.which("pitwall-wheel"), "wheel"), range(2))
    assert list(found) == [str(folder / "pitwall-wheel")] * 2
    asked = [line.split(" ")[4:] for line in (folder / "asked").read_text().splitlines()]
    assert asked == [["update"], ["install", "--yes", "--no-install-recommends", "wheel"]]


def test_what_cannot_be_installed_skips_and_says_why(folder: Path) -> None:
    apt_get(folder, "echo no such package >&2; exit 100")
    with pytest.raises(pytest.skip.Exception, match=r"install wheel \(apt-get install gave 100: no such package"):
        debian.found_or_installed(lambda: shutil.which("pitwall-wheel"), "wheel")
