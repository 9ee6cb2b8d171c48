"""What was driven, column by column.

Legend: R rows in time order with the agents interleaved, O observations, U actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiences:
    """Rows of a rollout. Arrives from the collector, leaves through the exporter."""

    state: Floats
    """(R, O), the observation before the action."""
    action: Floats
    """(R, U)."""
    reward: Floats
    done: NDArray[np.bool_]
    """The episode ended with this step, whatever ended it."""
    truncated: NDArray[np.bool_]
    """A time limit ended it, not the task; only where `done`."""
    log_prob: Floats
    value: Floats
    next_value: Floats
    """V of the observation after this step, where the segment is cut; elsewhere NaN: not given."""
    agent_index: NDArray[np.intp]
    reward_terms: Mapping[str, Floats] = field(default_factory=dict)
    """What the reward is made of."""

    def __len__(self) -> int:
        return len(self.reward)

    def finite(self) -> NDArray[np.bool_]:
        """(R,): where no number is NaN or infinite."""
        rows = [self.reward, self.log_prob, self.value, *self.reward_terms.values()]
        finite: NDArray[np.bool_] = np.logical_and.reduce(
            np.isfinite(np.column_stack([self.state, self.action, *rows])), 1
        )
        return finite

    def where(self, mask: NDArray[np.bool_]) -> "Experiences":
        """The rows of a mask (R,)."""
        chosen: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        terms = {name: term[mask] for name, term in chosen.pop("reward_terms").items()}
        return Experiences(**{name: column[mask] for name, column in chosen.items()}, reward_terms=terms)
