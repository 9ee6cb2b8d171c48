"""Compiles the kernel for a card that need not be here: `python -m tests.ppo.compiled CAPABILITY` -> JSON."""

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


def facts(name, constants, capability):
    """Registers and stack of one program's thread, its barriers, and whether it has atomics or loads of 16 bytes."""
    function, warps = getattr(gae_kernel, name), constants.pop("num_warps")
    signature = {n: "constexpr" if n in constants else TYPES.get(n, "*fp32") for n in function.arg_names}
    pointers = [at for at, n in enumerate(function.arg_names) if signature[n].startswith("*")]
    aligned = {(at,): [["tt.divisibility", 16]] for at in pointers}  # as memory comes from torch
    source = ASTSource(fn=function, signature=signature, constexprs=constants, attrs=aligned)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps})
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(made.asm["cubin"])
        tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
        used = subprocess.run([tool, "-res-usage", binary], check=True, capture_output=True, text=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", used).groups()
    code = made.asm["ptx"]
    return {
        "registers": int(registers), "stack_bytes": int(stack), "barriers": len(re.findall(r"\bbar\.sync", code)),
        "atomics": bool(re.search(r"\b(atom|red)\.", code)), "wide": bool(re.search(r"ld\.global\.v4", code)),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps({name: facts(name, how, int(sys.argv[1])) for name, how in gae_kernel.launches().items()}))
