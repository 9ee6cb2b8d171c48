"""A version drives: the engine's stand-in collects rollouts with it.

Arrives: a lake, versions, a `DriveConfig`. Leaves: rollout files in a folder, and figures of each.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from racing.collected import Collected
from racing.collector import Collector
from racing.driver import Driver
from racing.environment import Environment
from racing.errors import RacingError
from racing.faults import FAULTS
from racing.noise import Noise
from racing.picture import picture
from racing.track import TEST_TRACKS
from schemas.errors import SettingsRejected, StorageBusy
from schemas.loop import RACING, DriveConfig
from schemas.manifest import ENGINE
from schemas.space import ENGINE_OBSERVATIONS, Space
from warehouse import lineage, registry
from warehouse.lake import Lake


class Driving:
    """One session of cars, which keep driving while policies change; a context manager.

    Raises SettingsRejected where the environment is not there, or cannot be driven like this.
    """

    def __init__(
        self,
        config: DriveConfig,
        folder: Path,
        run_id: str,
        say: Callable[[str], None] = lambda line: None,
        fault: str | None = None,
    ) -> None:
        """`say` hears the engine's console; `fault` is one of `faults()`, which then befalls every file."""
        self.config, self.folder, self.run_id, self.say = config, folder, run_id, say
        if fault is not None and fault not in FAULTS:
            raise SettingsRejected(f"fault is {fault!r}; there are {', '.join(FAULTS)}")
        self.fault = None if fault is None else FAULTS[fault]
        self.collector: Collector | None = None
        with racing_words():
            self.environment = Environment.open(
                config.environment, config.agents, lidar=config.lidar, reward=config.reward
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.environment.close()

    @property
    def space(self) -> Space:
        """The space in which it drives."""
        names = self.environment
        return Space.of(names.observations, names.action_names, names.observation_names)

    def collect(self, driver: Driver, progress: Callable[[int, int], None] | None = None) -> Collected:
        """One rollout with this policy, from where the cars are; interrupted, it leaves no file."""
        with racing_words():
            if self.collector is None:
                self.collector = Collector(
                    self.environment,
                    driver,
                    folder=self.folder,
                    run_id=self.run_id,
                    steps=self.config.steps,
                    seed=self.config.seed,
                    noise=_noise(self.config),
                    say=self.say,
                    fault=self.fault,
                )
            self.collector.driver = driver
            return self.collector.collect(progress)


def driver_of(lake: Lake, version: int | str) -> Driver:
    """A version as the engine loads it; raises NotRegistered and LakeDamaged as the registry does."""
    number = registry.get(lake, version).version
    with racing_words():
        return Driver.read(registry.read_file(lake, number, ENGINE), f"version {number}")


def space_in(config: DriveConfig) -> Space:
    """The space in which rollouts of this configuration are driven."""
    with Driving(config, Path(), "") as driving:
        return driving.space


def trained_in(lake: Lake, version: int | str) -> dict[str, object]:
    """Environment and LIDAR of a version, as fields of a `DriveConfig`; raises SettingsRejected where none is known."""
    model = registry.get(lake, version)
    if model.space.is_engine:
        return {"environment": RACING, "lidar": len(model.space.observations) - len(ENGINE_OBSERVATIONS)}
    if (environment := lineage.environment(lake, model.version)) is None:
        raise SettingsRejected(f"version {model.version}: nothing says where it drives. Name it: --env ID")
    return {"environment": environment}


def draw(lake: Lake, version: int | str, target: Path, config: DriveConfig, track: int | None = None) -> str:
    """Drive one lap without exploration, draw it, and say how it went; `track` is a seed, an unseen one where None."""
    if config.environment != RACING:
        raise SettingsRejected(f"{config.environment}: only {RACING} has tracks to be drawn")
    with racing_words():
        return picture(driver_of(lake, version), TEST_TRACKS[0] if track is None else track, target, config.lidar)


def faults() -> dict[str, str]:
    """What can go wrong on request, and what it is."""
    return {name: (fault.__doc__ or "").strip() for name, fault in FAULTS.items()}


@contextmanager
def racing_words() -> Iterator[None]:
    """What the engine's stand-in refuses is a wrong setting here, and its text says what to do.

    Raises:
        SettingsRejected: it was refused.
        StorageBusy: a folder cannot be written, or the disk is full.
    """
    try:
        yield
    except RacingError as error:
        raise SettingsRejected(str(error)) from error
    except OSError as error:
        told = f"{error.filename or 'rollout'}: cannot be written ({error.strerror or error})"
        raise StorageBusy(f"{told}. Make room there, or name another folder") from error


def _noise(config: DriveConfig) -> Noise:
    if config.noise is not None:
        return Noise.constant(config.noise)
    return Noise() if config.environment == RACING else Noise.constant(1.0)
