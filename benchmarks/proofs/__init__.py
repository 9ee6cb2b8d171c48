"""Does it learn, and is it worth it? Whole trainings through the whole pipeline, beside peers.

Arrives: seeds and a folder for the runs, each of which is a home of its own and goes on where it was interrupted.
Leaves: one JSON file per run under `docs/results/`, from which `report` writes `docs/results.md` and its plots.
"""
