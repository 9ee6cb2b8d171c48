"""How well does a policy drive? Deterministic drives, the same ones for every policy.

Arrives: a driver, what to drive. Leaves: one `Drive` for each. A drive's bits depend neither on how many others there
are nor on where they end. Legend: N agents of a group.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from racing import ENVIRONMENT
from racing.drive import Drive
from racing.driver import Driver
from racing.environment import Environment
from racing.errors import DriveRejected
from racing.track import TEST_TRACKS


def evaluate(
    driver: Driver,
    environment: str = ENVIRONMENT,
    *,
    tracks: Sequence[int] = TEST_TRACKS,
    cars: int = 5,
    episodes: int = 10,
    seed: int = 0,
    lidar: int = 0,
    reward: Mapping[str, float] | None = None,
    at_once: int = 256,
    longest: int = 10_000,
    progress: Callable[[int, int], None] | None = None,
) -> list[Drive]:
    """Drives with the clamped mean, each from its start to its first end, in the order of their numbers.

    Racing: `cars` standing starts spread along each of `tracks` (seeds). Elsewhere: `episodes`, of which the first is
    reset with `seed`, the next with seed + 1, ... A drive that no end comes to is cut after `longest` steps.
    `at_once` bounds how many drive together; `progress` gets (drives ended, drives).

    Raises EnvironmentRejected where the environment is not there, DriveRejected where the driver does not fit it.
    """
    racing = environment == ENVIRONMENT
    total = len(tracks) * cars if racing else episodes
    if total < 1 or at_once < 1 or longest < 1:
        raise DriveRejected(f"{environment}: {total} drives, {at_once} at once, of {longest} steps; wanted 1 or more")
    own = {"lidar": lidar, "reward": reward}
    groups = _on_tracks(tracks, cars, own, at_once) if racing else _by_seeds(environment, episodes, seed, at_once)
    drives: list[Drive] = []
    for group, numbers, seeds in groups:
        with closing(group):
            for drive in _first_drives(driver, group, numbers, seeds, longest):
                drives.append(drive)
                if progress:
                    progress(len(drives), total)
    return sorted(drives, key=lambda drive: drive.number)


_TOLD = ("track", "finished", "crashed", "progress")
"""What racing's infos say of a drive, in the words of `Drive`."""
_Group = tuple[Environment, list[int], list[int] | None]
"""An environment, the numbers of its agents' drives, their seeds."""


def _on_tracks(tracks: Sequence[int], cars: int, own: dict[str, Any], at_once: int) -> Iterator[_Group]:
    """Whole tracks: car i of a group stands on its track i mod T, and what stands there does not hang on the others."""
    for first in range(0, len(tracks), size := max(1, at_once // cars)):
        some = list(tracks[first : first + size])
        numbers = [(first + track) * cars + car for car in range(cars) for track in range(len(some))]
        yield Environment.open(ENVIRONMENT, len(numbers), tracks=some, start="line", **own), numbers, None


def _by_seeds(environment: str, episodes: int, seed: int, at_once: int) -> Iterator[_Group]:
    for first in range(0, episodes, at_once):
        numbers = list(range(first, min(first + at_once, episodes)))
        yield Environment.open(environment, len(numbers)), numbers, [seed + number for number in numbers]


def _first_drives(
    driver: Driver, environment: Environment, numbers: list[int], seeds: list[int] | None, longest: int
) -> Iterator[Drive]:
    """Each agent's drive until its first end, as they end; those who ended drive on, unheeded."""
    environment.check(driver)
    under_way = np.ones(environment.agents, np.bool_)
    returns, speeds = np.zeros(environment.agents), np.zeros(environment.agents)
    state = environment.reset(seeds)
    for step in range(1, longest + 1):
        state, reward, terminated, truncated, infos = environment.step(environment.clamp(driver.steady(state)))
        returns += reward
        if environment.is_racing:
            speeds += infos["speed"]
        ended = under_way if step == longest else under_way & (terminated | truncated)
        for agent in np.flatnonzero(ended).tolist():
            told = {name: infos[name][agent].item() for name in _TOLD} if environment.is_racing else {}
            if environment.is_racing:
                told["speed"] = speeds[agent].item() / step
            yield Drive(number=numbers[agent], return_=returns[agent].item(), length=step, **told)
        under_way = under_way & ~ended
        if not under_way.any():
            return
