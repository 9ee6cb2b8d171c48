"""`python -m benchmarks.proofs PROOF`: runs that take hours and go on where they were interrupted."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Proof(StrEnum):
    """What can be proven."""

    RACING = "racing"
    SCORES = "scores"
    STALENESS = "staleness"
    NOISE = "noise"
    SPEED = "speed"
    REPORT = "report"


def main(
    proof: Annotated[Proof, typer.Argument(help="`report` writes docs/results.md from what is there.")],
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="Repeat for several. [0, 1, 2]")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Of `scores`: only these.")] = None,
    runs: Annotated[Path, typer.Option(help="Homes of the runs; not needed once they are done.")] = Path("runs"),
) -> None:
    """Run a proof; a run whose result lies in docs/results is not done again."""
    chosen = seeds or [0, 1, 2]
    if proof == Proof.RACING:
        from benchmarks.proofs.racing import racing

        racing(chosen, runs)
    elif proof == Proof.SCORES:
        from benchmarks.proofs.scores import scores

        scores(task or [], chosen, runs)
    elif proof == Proof.STALENESS:
        from benchmarks.proofs.staleness import staleness

        staleness(chosen, runs)
    elif proof == Proof.NOISE:
        from benchmarks.proofs.noise import noise

        noise(chosen, runs)
    elif proof == Proof.SPEED:
        from benchmarks.proofs.speed import speed

        speed()
    else:
        from benchmarks.proofs.report import report

        report()


if __name__ == "__main__":
    typer.run(main)
