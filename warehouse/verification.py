"""What a look at every stored file found.

Arrives: what is damaged, one by one. Leaves: a `Verification`, in plain values for programs.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["catalog", "partition", "window", "model", "alias", "reject"]


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One thing that is not as the catalog says, and what hangs on it."""

    kind: Kind
    place: str
    """Path below the home, or the name of what is wrong."""
    found: str
    """What is there, and what was wanted."""
    next_step: str
    rollouts: tuple[str, ...] = ()
    """`run/file name` of the rollouts whose rows are touched."""
    whole: tuple[str, ...] = ()
    """Those of them whose rows can still be read, each bit as it was."""
    runs: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    """Of a partition or window: the versions trained on it. Of a model: the version itself."""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leftover:
    """A file or folder that no row of the catalog refers to: what a killed process left, or is just making."""

    place: str
    bytes: int


@dataclass
class Verification:
    """The account of one look."""

    damages: list[Damage] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    """How many of each kind were looked at, and the bytes read."""
    deep: bool = False
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether everything is as the catalog says."""
        return not self.damages

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"good": self.good, **asdict(self)}
