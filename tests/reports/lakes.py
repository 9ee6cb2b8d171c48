"""Small lakes with something to report: trained and driven, of strangers' names, or with nothing but an import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.manifest import ENGINE
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import Driver, collect, driver
from tests.ppo.contract import engine
from tests.warehouse import rollouts
from warehouse import evaluations
from warehouse.lake import Lake

SCRIPT, PICTURE, BOLD, DOLLARS = "<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "<b>fast</b>", "$x^{$"
QUICK = TrainConfig(epochs=2, batch_size=64, device="cpu", hidden=(8, 8), clone_epochs=1, clone_updates=1)


@contextmanager
def empty(home: Path) -> Iterator[Lake]:
    lake = Lake.open(Settings.load(home=home, catalog=""))
    yield lake
    lake.catalog.engine.dispose()


def imported(lake: Lake) -> Driver:
    """Version 1, and who it is."""
    first = driver(1)
    import_policy(lake, first.raw, "first.json")
    return first


def driven(lake: Lake, folder: Path) -> None:
    """Version 1 drives, version 2 learns from it and drives too, and both are judged."""
    first = imported(lake)
    for index in range(2):
        collect(first, folder / "one", index, 120, ends=(30, 31, 60, 61, 90, 91, 118, 119))
    bring_in(lake, [folder / "one"], Reporter())
    made = train(lake, Window(), QUICK, Reporter()).published
    assert made is not None and made.version == 2
    second = Driver(engine.Network.load(made.folder / ENGINE), b"")
    for index in range(2):
        collect(second, folder / "two", index, 120, seed=1, ends=(50, 51, 118, 119))
    bring_in(lake, [folder / "two"], Reporter())
    for version in (1, 2):
        laps = [
            {"number": n, "track": n // 2, "finished": version * n >= 14, "crashed": False, "speed": 10.0 * version,
             "progress": version * (n + 1) / 16, "return": float(n * version), "length": 100} for n in range(8)
        ]  # fmt: skip
        evaluations.store(lake, version, "Racing", {"tracks": [1, 2, 3, 4], "cars": 2}, laps)


def of_strangers(lake: Lake, folder: Path) -> None:
    """Run, actions and reward terms have names that a page must not believe; version 1 is cloned from them."""
    random = np.random.default_rng(0)
    experiences = [
        rollouts.experience(
            number, action={PICTURE: float(random.normal()), DOLLARS: float(random.normal())}, done=number % 10 == 9,
            reward=float(number % 3), reward_terms={BOLD: float(number % 3)}, value=1.0,
            state=random.normal(size=15).tolist(),
        )
        for number in range(40)
    ]  # fmt: skip
    rollouts.write(folder, 0, experiences, extra={"run_id": SCRIPT})
    came = bring_in(lake, [folder], Reporter())
    assert not came.rejected, (came.rejected_files, came.rejected_rows)
    train(lake, Window(), QUICK, Reporter())
