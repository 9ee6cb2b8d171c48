"""What the policy being trained is compared with, row by row.

Arrives: the policy at the start, a batch, policies that collected it. Leaves: a `Reference`, which does not change
during an update.

The engine records a clamped action with the *density* at the clamp, as if that value had been drawn. What happened has
a probability of its own: all the mass beyond the clamp. The two differ most where they matter: when a mean lies beyond
its clamp, every sample lands on it (mass near 1), but the density there falls by nats with each small step of the
mean, and the ratio explodes. So rows at a clamp count by mass (a Tobit likelihood: Tobin 1958; for policy gradients
Fujita & Maeda 2018, "Clipped Action Policy Gradient"), and the recorded density only proves who collected.
Legend: N rows, U actions.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from ppo import loss
from ppo.batch import Batch
from ppo.policy import Policy
from schemas.training import TrainConfig


class Reference(NamedTuple):
    """Log-probs in nats; all measured alike."""

    clamped: Tensor | None
    """(N, U) as `Batch.clamped`; None where every row counts by density."""
    anchor: Tensor
    """(N,) of the policy that ratios are to, and clipped around."""
    log_weight: Tensor
    """(N,) log pi_prox / pi_beh, by which rows are judged and weighted."""
    density: Tensor
    """(N,) of the policy at the start, as densities: to be compared with what was recorded."""

    @property
    def provable(self) -> Tensor:
        """(N,) what to add to the first log ratios for ratios to what was recorded."""
        return self.anchor if self.clamped is None else self.density

    @classmethod
    def of(
        cls, policy: Policy, mean: Tensor, batch: Batch, config: TrainConfig, collectors: Mapping[int, Policy]
    ) -> "Reference":
        """`mean` (N, U) is that of `policy`; `collectors` are behaviour policies by version, as far as they are known.

        Rows of other collectors are weighted by recorded densities.
        """
        log_std = policy.parameters.log_std.to(mean.device)
        density = loss.log_prob(mean, log_std, batch.actions, batch.noise_scale)
        # Ablations measure as those do who know neither noise nor clamps.
        by_density = config.clamped_actions == "density" or config.objective == "plain" or config.noise == "ignored"
        if by_density or not batch.clamped.any():
            anchor = batch.log_prob if config.objective == "plain" else density
            return cls(None, anchor, density - batch.log_prob, density)
        mass = loss.log_prob(mean, log_std, batch.actions, batch.noise_scale, batch.clamped)
        log_weight = density - batch.log_prob
        for version, collector in collectors.items():
            rows = (batch.version == version).nonzero().squeeze(1)
            if len(rows):
                log_weight[rows] = mass[rows] - _mass(collector, batch, rows)
        return cls(batch.clamped, mass, log_weight, density)


def _mass(collector: Policy, batch: Batch, rows: Tensor) -> Tensor:
    """(K,) log-probs of some rows under the policy that collected them."""
    collector = collector.to(batch.observations.device)
    mean, _ = collector(batch.observations[rows])
    log_std = collector.parameters.log_std
    return loss.log_prob(mean, log_std, batch.actions[rows], batch.noise_scale[rows], batch.clamped[rows])
