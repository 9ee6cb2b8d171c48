"""Whose values may be trusted: a critic knows one reward only.

Arrives: a window and the version that its training starts from. Leaves: whether the recorded values, and the critic at
the start, are of the window's reward; and a start and a batch that are.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flows.reporter import Reporter
from schemas.training import TrainConfig
from schemas.window import WindowManifest
from warehouse import rewards
from warehouse.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

    from ppo.batch import Batch
    from ppo.policy import Policy


class Adopted(NamedTuple):
    """A start and a batch that know the same reward."""

    policy: "Policy"
    batch: "Batch"
    optimizer_state: bytes | None
    figures: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Critics:
    """What is known of them. An engine's own policy, and an unknown one, knows the recorded reward."""

    start_is_foreign: bool
    """The critic of the start learned another reward than the window's."""
    recorded_are_foreign: bool
    """So did the one at the start, or one that collected: the recorded values are of no use."""
    wanted: str
    """The window's reward in words."""

    def adopt(
        self, policy: "Policy", batch: "Batch", config: TrainConfig, state: bytes | None, report: Reporter
    ) -> Adopted:
        """The start with a critic of the window's reward, and the batch with its values."""
        from ppo.refit import refit, with_values_of

        if not self.start_is_foreign:
            note = f"some collectors' critics knew another reward: every value is the start's own, of {self.wanted}"
            return Adopted(policy, with_values_of(policy, batch), state, {}, (note,))
        fitted = refit(policy, batch, config, state, lambda epoch, epochs: report.progress("critic", epoch, epochs))
        figures = {f"critic_{name}": value for name, value in fitted.metrics.items()}
        note = (
            f"the critic knew another reward, so it was first fitted to Monte Carlo returns of {self.wanted}: on "
            f"held-out segments it explains {figures['critic_explained_variance']:.3f} of their variance, "
            f"{figures['critic_explained_variance_before']:.3f} before. Recorded values were left out; "
            "rows whose next observation is not in the window serve as bootstrap only"
        )
        own = with_values_of(fitted.policy, batch)
        return Adopted(fitted.policy, own, fitted.optimizer_state, figures, (note,))


def critics_of(lake: Lake, manifest: WindowManifest, table: "pa.Table", parent: int | None) -> Critics:
    """Compare the rewards that critics learned with the window's; `parent` None is a clone of what was recorded."""
    import pyarrow.compute as pc

    wanted = None if manifest.reward is None else manifest.reward.reward_id
    collectors = pc.unique(table["policy_version"].filter(table["in_window"])).to_pylist()
    versions = [version for version in [parent, *collectors] if version is not None]
    learned: dict[int | None, str | None] = {None: None}
    learned |= dict(rewards.learned_by(lake, versions).items())
    start = learned[parent] != wanted
    words = "the recorded reward" if manifest.reward is None else f"the reward {manifest.reward.name}"
    return Critics(start, start or any(learned[version] != wanted for version in collectors), words)
