"""Commands of the documentation that a test cannot run as they stand: why, and what is done instead.

Each must be shown somewhere; an entry that is not fails a test.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Instead:
    """What is run, or which test does."""

    why: str
    run: str = ""
    """This command."""
    until: str = ""
    """`run` gets a process of its own, and Ctrl-C after a line with these words; it must end in order."""
    once: bool = False
    """Not again on another page: it has a home of its own, and nothing on the page builds on it."""
    test: str = ""
    """That test, or the fixture that stands for it, runs it; here only its options are looked at."""


_ENDS = "tests/flows/test_deployments.py::test_an_interrupt_ends_everything_even_a_training"
_BROWSER = Instead(
    why="opens a browser and stays",
    test="tests/pitwall/test_analyse.py::test_it_listens_here_wants_its_token_and_ends_without_a_word_too_many",
)
_SHELL = Instead(
    why="writes into the start files of the shell that calls it",
    test="tests/pitwall/test_completion.py::test_the_script_for_bash_completes_in_a_real_bash",
)
_LAP = Instead(why="takes minutes", test="tests/pitwall/test_drive.py::test_a_lap_ends_with_a_plot_and_a_picture")
_CHEETAH = Instead(
    why="takes half an hour",
    run="pitwall --home cheetah loop --named half_cheetah --iterations 1 --steps 256 --set epochs=1",
    once=True,
)
_BENCHMARKS = Instead(why="takes minutes", run="python -m benchmarks --help")
_PROOFS = Instead(why="takes hours", run="python -m benchmarks.proofs --help")
_WATCHED = "a version is trained whenever 5 new rollouts are there"
_ONE_EPOCH = "trains for half a minute"

INSTEAD: dict[str, Instead] = {
    # Prefect
    "pitwall up": Instead(why="needs a port and stays", test=_ENDS),
    "pitwall up --port 4300": Instead(why="needs a port and stays", test=_ENDS),
    "prefect deployment delete lap/racing": Instead(
        why="needs Prefect's server",
        test="tests/flows/test_deployments.py::test_a_deployment_that_is_deleted_is_gone",
    ),
    "python -m prefect": Instead(why="names processes, and is no command", test=_ENDS),
    # stays until Ctrl-C
    "pitwall analyse": _BROWSER,
    "pitwall analyse --no-browser --port 2718": _BROWSER,
    "pitwall analyse --edit": _BROWSER,
    "pitwall watch Saved/Training/Exports Saved/Training/Models --every 5": Instead(
        why="stays until Ctrl-C",
        run="pitwall watch Saved/Training/Exports Saved/Training/Models --every 5",
        until=_WATCHED,
    ),
    "pitwall watch --every 5 --config plugin_script --set epochs=10": Instead(
        why="stays until Ctrl-C", run="pitwall watch --every 5 --config plugin_script --set epochs=10", until=_WATCHED
    ),
    "pitwall watch --poll 5": Instead(why="stays until Ctrl-C", run="pitwall watch --poll 5", until=_WATCHED),
    # takes long
    "pitwall lap": _LAP,
    "pitwall --home first lap --laps 40": _LAP,
    "pitwall loop --iterations 100": Instead(
        why="takes minutes, and --resume wants a loop that was interrupted",
        run="pitwall --home circuit loop --named pendulum --iterations 2 --steps 256",
        until="1/2  ",
    ),
    "pitwall loop --resume": Instead(
        why="that loop was begun in a home of its own, of a quicker environment",
        run="pitwall --home circuit loop --resume",
    ),
    "pitwall evaluate 2 3": Instead(why="drives 160 times", run="pitwall evaluate 2 3 --tracks 2 --cars 1"),
    "pitwall --home circuit loop --iterations 100": Instead(
        why="takes minutes, and --resume wants a loop that was interrupted",
        run="pitwall --home circuit loop --named pendulum --iterations 2 --steps 256",
        until="1/2  ",
    ),
    "pitwall loop --window 4 --set epochs=4 --evaluate-every 20 --go-on-from latest": Instead(
        why="takes minutes",
        run="pitwall loop --window 4 --set epochs=4 --evaluate-every 20 --go-on-from latest --iterations 2 --steps 256",
        until="1/2  ",
    ),
    "pitwall --home cheetah loop --named half_cheetah --iterations 489": _CHEETAH,
    "pitwall --home mine loop --env my_package:MyEnv-v0 --agents 4 --iterations 100": Instead(
        why="takes minutes",
        run="pitwall --home mine loop --env my_package:MyEnv-v0 --agents 4 --iterations 1 --steps 256",
    ),
    "pitwall train --newest 10": Instead(why=_ONE_EPOCH, run="pitwall train --newest 10 --set epochs=1"),
    "pitwall train --best 2 --json": Instead(why=_ONE_EPOCH, run="pitwall train --best 2 --json --set epochs=1"),
    "pitwall train --reward fast": Instead(why=_ONE_EPOCH, run="pitwall train --reward fast --set epochs=1"),
    "python -m benchmarks": _BENCHMARKS,
    "python -m benchmarks --only start": Instead(why="takes minutes", run="python -m benchmarks --only start --help"),
    "python -m benchmarks --only determinism": Instead(
        why="takes minutes", run="python -m benchmarks --only determinism --help"
    ),
    "python -m benchmarks --only lake --only training": Instead(
        why="takes minutes", run="python -m benchmarks --only lake --only training --help"
    ),
    "python -m benchmarks --only gae --device cuda --gold FILE": Instead(
        why="needs a GPU", run="python -m benchmarks --only gae --device cuda --gold FILE --help"
    ),
    "python -m benchmarks --only update --device cuda": Instead(
        why="needs a GPU", run="python -m benchmarks --only update --device cuda --help"
    ),
    "python -m benchmarks.proofs PROOF": _PROOFS,
    "python -m benchmarks.proofs speed": Instead(why="takes minutes", run="python -m benchmarks.proofs speed --help"),
    "python -m benchmarks.proofs report": Instead(
        why="writes docs/results.md", run="python -m benchmarks.proofs report --help"
    ),
    "python -m benchmarks.reliability --kills 2000 [--seed 1] [--seconds 900] "
    "[--server postgresql+psycopg://.../postgres]": Instead(
        why="takes half an hour",
        run="python -m benchmarks.reliability --kills 2000 --seed 1 --seconds 900 --server URL --help",
        test="tests/test_reliability.py::test_commands_killed_at_random_lose_nothing_and_the_next_run_heals",
    ),
    "python -m benchmarks.upkeep 500": Instead(why="takes a minute", run="python -m benchmarks.upkeep 6"),
    "python -m benchmarks.load 10000": Instead(why="takes minutes", run="python -m benchmarks.load 10000 --help"),
    "python -m tests.warehouse.bombs 4000000": Instead(
        why="takes minutes", run="python -m tests.warehouse.bombs 20000"
    ),
    "python -m tests.fuzz rollout --seconds 600": Instead(
        why="needs atheris, and ten minutes",
        test="tests/fuzz/test_promises.py::test_any_rollout_document_gets_one_verdict",
    ),
    # no whole commands
    "pitwall COMMAND --help": Instead(why="stands for any command", run="pitwall loop --help"),
    "pitwall models export --format torchscript": Instead(
        why="a version and a file are left out", run="pitwall models export 2 --format torchscript --to driver.pt"
    ),
    "pitwall sql --reward fast": Instead(
        why="opens a prompt", run='pitwall sql --reward fast "select avg(reward) from experiences"'
    ),
    # tests
    "python -m pytest": Instead(why="is what runs this", test="tests/test_docs.py::run"),
    "PITWALL_EXAMPLES=1000 pytest tests/flows/test_account.py": Instead(
        why="takes minutes", test="tests/flows/test_account.py::test_counts_add_up_for_any_lake"
    ),
    "PITWALL_KILLS=60 python -m pytest tests/warehouse/test_compaction_killed.py": Instead(
        why="takes minutes",
        test="tests/warehouse/test_compaction_killed.py::test_compaction_that_is_killed_at_any_point_loses_nothing_and_goes_on",
    ),
    # changes the computer, or wants the internet
    "pitwall --install-completion": _SHELL,
    "pitwall --show-completion": _SHELL,
    "pip install torch": Instead(why="changes the installation", run="pitwall doctor"),
    "pip install torchrl": _BENCHMARKS,
    "pip install git+https://github.com/simonsays1980/rl-triton": _BENCHMARKS,
    "tensorboard --logdir board": Instead(
        why="stays until Ctrl-C, and reads what this writes", run="pitwall models track 2"
    ),
    "mlflow ui --backend-store-uri sqlite:///mlflow.db": Instead(
        why="wants the whole of mlflow, which is no dependency",
        test="tests/flows/test_mlflow.py::test_a_version_is_a_run_with_parameters_figures_and_tags",
    ),
    "pitwall report champion --open": Instead(why="opens a browser", run="pitwall report champion"),
}
