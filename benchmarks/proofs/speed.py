"""How fast are simulation, collecting and the pipeline around the learner? One core."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import numpy as np
import torch

from benchmarks.proofs.course import RESULTS, about, write
from flows.looping import Lap, loop
from flows.reporter import Reporter
from ppo.policy import Policy
from racing import ENVIRONMENT
from racing.collector import Collector
from racing.driver import Driver
from racing.environment import Environment
from schemas.loop import half_cheetah
from schemas.settings import Settings
from warehouse.lake import Lake

CARS = 256
ROUNDS = 5


def speed() -> None:
    """The best of some rounds each; writes `docs/results/speed.json`."""
    torch.set_num_threads(1)
    figures = {
        "simulation, car-steps/s at 256 cars": _simulation(CARS),
        "simulation, car-steps/s at 16 cars": _simulation(16),
        "collecting with policy and JSON, steps/s at 256 cars": _collecting(CARS),
        "collecting with policy and JSON, steps/s at 16 cars": _collecting(16),
        "pipeline around the learner, s per lap of 2048": _overhead(),
    }
    for name, figure in figures.items():
        print(f"{name:<60} {figure:>12,.3f}")
    write(RESULTS / "speed.json", about() | {"figures": figures})


def _simulation(cars: int) -> float:
    env = gymnasium.make_vec(ENVIRONMENT, cars, "vector_entry_point")
    env.reset(seed=0)
    random = np.random.default_rng(0)
    # Mild steering, so that drives last and what is timed is driving.
    actions = random.uniform([-0.1, 0.2, 0.0], [0.1, 0.5, 0.0], (500, cars, 3)).astype(np.float32)
    best = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for action in actions:
            env.step(action)
        best = max(best, len(actions) * cars / (time.perf_counter() - began))
    env.close()
    return best


def _collecting(cars: int) -> float:
    policy = Policy.fresh(15, 3, (128, 128), seed=0)
    environment = Environment.open(ENVIRONMENT, cars)
    with TemporaryDirectory() as folder:
        collector = Collector(
            environment, Driver.read(policy.to_json()), folder=Path(folder), run_id="speed", steps=64 * 256,
            say=lambda line: None,
        )  # fmt: skip
        best = 0.0
        for _ in range(ROUNDS):
            began = time.perf_counter()
            steps = collector.collect().steps
            best = max(best, steps / (time.perf_counter() - began))
    environment.close()
    return best


def _overhead() -> float:
    """Of a lap, all that is neither driving nor the update itself; the median over laps after the first."""
    seconds: list[float] = []

    def told(lap: Lap) -> None:
        seconds.append(
            lap.seconds["lap"] - lap.seconds["drive"] - lap.seconds.get("evaluate", 0.0) - lap.metrics["seconds"]
        )

    with TemporaryDirectory() as folder:
        lake = Lake.open(Settings(home=Path(folder)))
        loop(lake, half_cheetah().model_copy(update={"evaluate_every": 0}), 12, Reporter(), told=told)
        lake.catalog.engine.dispose()
    return float(np.median(seconds[1:]))
