"""What a training made of each row: its role, and why it was not trained on.

Arrives: what the learner did. Leaves: `RoleRows`, stretches of rows of one rollout that share a role and a reason.
"""

from typing import Literal, NamedTuple, get_args

Role = Literal["trained", "gated", "bootstrap", "left_out"]
"""trained: in the gradient. gated: able to be trained on, but its source is too far from the start. bootstrap: not
trained on, its value ends the row before it. left_out: not used."""
ROLES: tuple[Role, ...] = get_args(Role)
AFTER_WINDOW = "after_window"
"""Reason of bootstraps that belong to the rollout after the window's."""
REASONS = {
    "row_lost": "a row was lost after it",
    "time_limit": "a time limit cut the episode, and no next_value says what followed",
    "rollout_missing": "the rollout after its own is missing",
    "other_policy": "another policy, or an unknown one, goes on after it",
    "nothing_follows": "nothing follows it",
    "noise_unknown": "its noise factor is unknown",
    "unknown_policy": "who drove is unknown, while others' authors are known",
    "claim_refuted": "its file claims an author whose values it does not have",
    "log_prob_disagrees": "its log_prob is not its author's",
    "no_reward": "the window's reward reads a number that it lacks",
    "bootstrap_of_gated": "its value would only end a row that is gated",
    AFTER_WINDOW: "first of the rollout after the window",
}
"""Reasons in words; that of a gated row is the gate's own text."""


class RoleRows(NamedTuple):
    """Rows of one rollout that share a role."""

    rollout_id: str
    role: Role
    reason: str
    """A key of REASONS; for gated rows what the gate said; empty for trained ones."""
    ranges: list[tuple[int, int]]
    """(first, last) row_index of each stretch, ascending; both belong to it."""

    @property
    def rows(self) -> int:
        """How many."""
        return sum(last - first + 1 for first, last in self.ranges)
