"""Compiles the kernel for a card that need not be here: `python -m tests.ppo.compiled CAPABILITY CHUNK` -> JSON."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ppo import gae_kernel

TYPES = {
    **dict.fromkeys(("terminated", "segment_end"), "*i1"),
    **dict.fromkeys(("reached", "counts"), "*i32"),
    **dict.fromkeys(("rows", "share", "reach", "chunks"), "i32"),
    **dict.fromkeys(("gamma", "floor", "ulp", "decay", "log2_decay"), "fp32"),
}
"""Of arguments; all others point at float32."""
WARPS = {"_carry_in": 4}


def facts(function, capability, chunk):
    """Registers and stack of one program's thread, and whether it has atomics."""
    constants = {name: {"CHUNK": chunk, "LANES": gae_kernel.LANES}.get(name) for name in function.arg_names}
    constants = {name: value for name, value in constants.items() if value}
    signature = {n: "constexpr" if n in constants else TYPES.get(n, "*fp32") for n in function.arg_names}
    source = ASTSource(fn=function, signature=signature, constexprs=constants)
    warps = WARPS.get(function.__name__, gae_kernel.WARPS)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps})
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(made.asm["cubin"])
        tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
        used = subprocess.run([tool, "-res-usage", binary], check=True, capture_output=True, text=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", used).groups()
    atomics = bool(re.search(r"\b(atom|red)\.", made.asm["ptx"]))
    return {"registers": int(registers), "stack_bytes": int(stack), "atomics": atomics}


if __name__ == "__main__":
    capability, chunk = map(int, sys.argv[1:])
    names = ("_scan_chunks", "_scan_ends", "_carry_in", "_join_moments")
    print(json.dumps({name: facts(getattr(gae_kernel, name), capability, chunk) for name in names}))
