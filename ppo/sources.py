"""How far each source version of a window is from the policy that an update starts from.

Arrives: weights of the rows and the batch. Leaves: one `Source` per version, trusted or left out.
Legend: N rows of the batch, K rows of one source.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from ppo import loss
from ppo.batch import UNKNOWN, Batch
from schemas.training import TrainConfig


@dataclass(frozen=True)
class Source:
    """The rows of one behaviour policy and what the gates say of them."""

    version: int | None
    """None where the author is unknown."""
    rows: Tensor
    """(K,) places in the batch."""
    effective_sample_size: float
    """Share of K that the weighted rows are worth."""
    kl: float
    """KL(behaviour || proximal), nats."""
    reason: str
    """Why the rows are left out; empty: they are trained on."""

    @property
    def trusted(self) -> bool:
        """Whether the rows are trained on."""
        return not self.reason

    @property
    def name(self) -> str:
        """The version in words."""
        return "unknown" if self.version is None else str(self.version)

    def metrics(self) -> dict[str, object]:
        """Plain values for the manifest."""
        return {
            "version": self.version,
            "rows": len(self.rows),
            "effective_sample_size": self.effective_sample_size,
            "kl": self.kl,
            "left_out": self.reason or None,
        }


def judge(log_weights: Tensor, batch: Batch, config: TrainConfig) -> list[Source]:
    """(N,) log pi_prox / pi_beh -> sources by version; gates as the configuration sets them."""
    sources = []
    for version in sorted(set(batch.version.tolist())):
        rows = (batch.version == version).nonzero().squeeze(1)
        # As the update weighs them: a car held at a clamp may make a density ratio of thousands out of one row.
        log_weight = log_weights[rows].clamp(max=math.log(config.weight_cap))
        share, kl = float(loss.effective_sample_size(log_weight)), float(loss.approximate_kl(log_weight))
        known = None if version == UNKNOWN else version
        # Nothing is fresher than a clone of the rows themselves: it was judged when it was made.
        reason = "" if known is None else _reason(share, kl, config)
        sources.append(Source(known, rows, share, kl, reason))
    return sources


def _reason(share: float, kl: float, config: TrainConfig) -> str:
    # Written so that NaN closes the gate.
    if not share >= config.min_effective_sample_size:
        return f"effective sample size {share:.3f} of its rows, wanted at least {config.min_effective_sample_size}"
    if config.max_behaviour_kl is not None and not kl <= config.max_behaviour_kl:
        return f"KL {kl:.3g} nats from the start, wanted at most {config.max_behaviour_kl}"
    return ""
