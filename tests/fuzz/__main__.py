"""`python -m tests.fuzz rollout|policy [--seconds N] [--corpus FOLDER]`: mutate documents for as long as you like.

Needs `pip install 'pitwall[fuzz]'` (Linux). An input that breaks a promise is written to the working folder as
`crash-*`, `timeout-*` or `oom-*`; put it into tests/fuzz/found/<target>/ with the fix, and every test run replays it.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import atheris

ROOMS = ("schemas", "warehouse", "racing.policy_document", "ppo.policy")
TIMEOUT_SECONDS, MEMORY_MIB, LONGEST = 10, 3000, 65_536


def main() -> None:
    """Fuzz one reader; ends with libFuzzer's own figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=["rollout", "policy"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="Where interesting inputs are kept from run to run.")
    given = parser.parse_args()
    with atheris.instrument_imports(include=list(ROOMS)):
        from tests.fuzz.promises import PROMISES
    from tests.fuzz.mutations import mutated
    from tests.fuzz.seeds import SEEDS, found

    promise = PROMISES[given.target]
    with tempfile.TemporaryDirectory(prefix="pitwall-fuzz-") as fresh:
        corpus = given.corpus or Path(fresh)
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = [*SEEDS[given.target](), *(path.read_bytes() for path in found(given.target))]
        for number, raw in enumerate(seeds):
            (corpus / f"seed-{number:03d}").write_bytes(raw)

        def mutate(raw: bytes, longest: int, seed: int) -> bytes:
            """Every other time in the tree, else libFuzzer's own way."""
            source = random.Random(seed)
            changed = mutated(raw, source) if source.random() < 0.5 else atheris.Mutate(raw, longest)
            return changed[:longest]

        options = {
            "max_total_time": given.seconds, "timeout": TIMEOUT_SECONDS, "rss_limit_mb": MEMORY_MIB,
            "max_len": LONGEST, "print_final_stats": 1, "len_control": 0,
        }  # fmt: skip
        atheris.Setup(
            [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)],
            lambda raw: promise(raw) and None,
            custom_mutator=mutate,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
