"""A random policy: the first version of a driver that nobody has trained yet.

Arrives: a space, a configuration. Leaves: a version.
"""

from typing import TYPE_CHECKING

from flows.publishing import publish
from schemas.space import Space
from schemas.training import TrainConfig
from warehouse.lake import Lake

if TYPE_CHECKING:
    from ppo.policy import Policy


def fresh(lake: Lake, space: Space, config: TrainConfig) -> int:
    """Publish a random policy of this shape, made from the configuration's seed; returns its version."""
    from ppo.parity import golden_from_seed

    draft = {
        "start": "fresh",
        "space": space,
        "config": config.model_dump(mode="json"),
        "seeds": {"fresh": config.seed},
        "notes": ("random weights: nothing was learned yet",),
    }
    return publish(lake, random_policy(space, config), draft, golden_from_seed(len(space.observations))).version


def random_policy(space: Space, config: TrainConfig) -> "Policy":
    """The policy that the configuration's seed gives."""
    from ppo.policy import Policy

    shape = (len(space.observations), len(space.actions), config.hidden)
    return Policy.fresh(*shape, seed=config.seed, mean=config.mean, initial_std=config.initial_std)
