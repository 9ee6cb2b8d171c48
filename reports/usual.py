"""Where figures of an update usually lie, and what it means when they do not.

The ranges are habits, not laws. KL: Spinning Up stops an update at a `target_kl` of 0.01 to 0.05. Half of the rows as
the effective sample size is where particle filters draw anew (Liu and Chen 1995). Those of clip fraction and explained
variance are ours by judgement, from updates that were looked at; nothing derives them.
"""

from typing import NamedTuple


class Usual(NamedTuple):
    """The usual range of one figure."""

    title: str
    low: float
    high: float
    top: float
    """End of the scale on which it is drawn; larger values are drawn at it."""
    too_low: str
    too_high: str
    tone_low: str = "warn"
    tone_high: str = "warn"

    def tone(self, value: float) -> str:
        """good, warn or bad."""
        return self.tone_low if value < self.low else self.tone_high if value > self.high else "good"

    def words(self, value: float) -> str:
        """What the value says."""
        return self.too_low if value < self.low else self.too_high if value > self.high else "in the usual range"


USUAL = {
    "kl": Usual(
        "KL to the start (nats)",
        0.001,
        0.05,
        0.1,
        "below the usual range: the policy hardly moved",
        "above the usual range: the policy moved far from the one that collected",
    ),
    "clip_fraction": Usual(
        "Clip fraction",
        0.01,
        0.4,
        0.6,
        "below the usual range: hardly a ratio met the clip",
        "above the usual range: many rows no longer teach",
    ),
    "effective_sample_size": Usual(
        "Effective sample size (share of rows)",
        0.5,
        1.0,
        1.0,
        "low: few rows carry the update. Lower the learning rate, or select fresher rollouts",
        "in the usual range",
        tone_high="good",
    ),
    "explained_variance": Usual(
        "Explained variance of the critic",
        0.2,
        1.0,
        1.0,
        "low: the critic knows little of what returns will be",
        "in the usual range",
        tone_high="good",
    ),
}
"""By the name of the metric. Explained variance is drawn from -1 on, all others from 0."""
