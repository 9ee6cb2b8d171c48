"""The kinds of work that are killed. A further kind is one more entry of `KINDS`.

Arrives: the state of a trial. Leaves: the words of a `pitwall` command.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

SMALL = ("epochs=1", "batch_size=32", "clone_epochs=1", "clone_updates=2", "hidden=[8]")


@dataclass(frozen=True)
class Scene:
    """What a command can refer to."""

    exports: Path
    policies: Path
    """A file of new weights in it for each import."""
    copy: Path
    """The lake's backup."""
    random: Random
    new_policy: Callable[[], Path]


@dataclass(frozen=True)
class Work:
    """One kind of work: a command of `pitwall`."""

    name: str
    weight: int
    """How often it is drawn."""
    words: Callable[[Scene], list[str]]
    excuses: tuple[str, ...] = ()
    """Words of a message with which it may end where the lake is still too empty, or another process at the same."""
    elsewhere: bool = False
    """Whether it fills a lake of its own instead of working on the common one."""


def _train(scene: Scene) -> list[str]:
    newest = str(scene.random.randint(1, 4))
    return ["train", "--newest", newest, *(word for change in SMALL for word in ("--set", change))]


def _promote(scene: Scene) -> list[str]:
    alias = scene.random.choice(("champion", "best"))
    return ["models", "promote", scene.random.choice(("1", "latest")), "--alias", alias]


OVERTAKEN = "another state of this backup"
"""A restore was killed after its last transaction, and the backup renewed: that home keeps what it has."""
_NOT_RESTORED = ("so it is no backup", "this backup was cut off", "another restore is at work there", OVERTAKEN)
KINDS: tuple[Work, ...] = (
    Work("ingest", 4, lambda scene: ["ingest", str(scene.exports)]),
    Work("train", 3, _train, ("selects 0 rollouts", "no row")),
    Work("publish", 3, lambda scene: ["models", "import", str(scene.new_policy())]),
    Work("promote", 2, _promote, ("the registry is empty",)),
    Work("maintain", 2, lambda scene: ["maintain"]),
    Work("backup", 2, lambda scene: ["backup", str(scene.copy)], ("another backup is writing there",)),
    Work("restore", 2, lambda scene: ["restore", str(scene.copy)], _NOT_RESTORED, elsewhere=True),
)
"""Each is run again, undisturbed, when a lake heals; in this order."""
