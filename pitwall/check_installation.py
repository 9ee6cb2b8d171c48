"""Whether what Pitwall runs on is what it was made for: Python, packages, extras, the device.

Arrives: what is installed. Leaves: `Check`s.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

from pitwall.check import Check, note, ok, problem

_US = "pitwall"
_PATIENCE = 10
"""Seconds for what asks a graphics driver."""


def python() -> Iterator[Check]:
    """The interpreter against the range that the installation asks for."""
    from packaging.specifiers import SpecifierSet

    found = f"{platform.python_version()} in {sys.prefix}"
    wanted = ", ".join(importlib.metadata.metadata(_US).get_all("Requires-Python") or [])
    if platform.python_version() in SpecifierSet(wanted, prereleases=True):
        yield ok("Python", found)
    else:
        yield problem("Python", f"{found}, wanted {wanted}", "Make a .venv with another Python: make install")


def packages() -> Iterator[Check]:
    """Every package that is needed against its range, then the extras."""
    from packaging.requirements import Requirement

    needed, extras = list[Requirement](), dict[str, list[Requirement]]()
    for line in importlib.metadata.requires(_US) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            needed.append(requirement)
            continue
        for extra in importlib.metadata.metadata(_US).get_all("Provides-Extra") or []:
            if marker.evaluate({"extra": extra}):
                extras.setdefault(extra, []).append(requirement)
    wrong = [told for requirement in needed if (told := _amiss(requirement))]
    release = f"pitwall {importlib.metadata.version(_US)}"
    if wrong:
        repair = 'python -m pip install --constraint requirements.lock --editable "."'
        yield problem("packages", f"{release}: {'; '.join(wrong)}", f"Install again: {repair}")
    else:
        yield ok("packages", f"{release} and {len(needed)} packages within their ranges")
    there = [name for name, wanted in extras.items() if not any(map(_amiss, wanted))]
    absent = [name for name in extras if name not in there and name not in ("dev", "bench", "fuzz")]
    told = f"{', '.join(there) or 'none'} installed"
    if absent:
        yield ok("extras", f"{told}; {', '.join(absent)} on demand: pip install 'pitwall[{absent[0]}]'")
    else:
        yield ok("extras", told)


def device() -> Iterator[Check]:
    """What torch can compute on, tried with one product."""
    import torch

    build = f"torch {torch.__version__} on {os.cpu_count()} CPUs"
    if torch.cuda.is_available():
        try:
            float((torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).sum())
        except RuntimeError as error:
            first = str(error).splitlines()[0]
            advice = "Install the build of torch for this GPU and driver (pytorch.org), or train with --device cpu"
            yield problem("device", f"{build}; CUDA is there, but a product fails: {first}", advice)
            return
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield ok("device", f"{build}; CUDA {torch.version.cuda}, {torch.cuda.get_device_name(0)} with {memory:.0f} GiB")
    elif torch.backends.mps.is_available():
        yield ok("device", f"{build}; MPS")
    elif cards := _graphics():
        advice = "Training runs on the CPU. For the GPU install a CUDA build of torch, see pytorch.org"
        yield note("device", f"{build}, which cannot use {cards}", advice)
    else:
        yield ok("device", f"{build}; no GPU, training runs on the CPU")


def _amiss(requirement: "object") -> str:
    """What is wrong with a package; empty where it fits."""
    from packaging.requirements import Requirement

    assert isinstance(requirement, Requirement)
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is missing, wanted {requirement.specifier}"
    fits = requirement.specifier.contains(found.partition("+")[0], prereleases=True)
    return "" if fits else f"{requirement.name} is {found}, wanted {requirement.specifier}"


def _graphics() -> str:
    """NVIDIA's cards, as their driver names them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    try:
        command = [tool, "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return ", ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
