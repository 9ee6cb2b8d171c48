"""A window as tensors: which rows are trained on, where segments end, and what follows each row.

Arrives: the window's Arrow table, sorted by run_id, agent_index, rollout_position, step. Leaves: a `Batch`.
Legend: M rows with an observation, N <= M rows trained on (the first N of M, in time order per agent), O, U.
"""

import hashlib
import math
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppo.device import tensor_on
from ppo.sequence import Flags, agent_continues, codes, column, ended, flag, followed
from schemas.errors import WindowEmpty
from schemas.space import Space

UNKNOWN = -1
"""Version of an unknown behaviour policy."""


@dataclass(frozen=True)
class Batch:
    """Rows in time order per agent; segments lie one behind another."""

    observations: Tensor
    """(M, O) float32; rows N to M only serve as bootstrap."""
    actions: Tensor
    """(N, U) float32, as applied."""
    reward: Tensor
    """(N,)"""
    clamped: Tensor
    """(N, U) 1 where the action lies at the lower bound of its range, -1 at the upper, else 0."""
    log_prob: Tensor
    """(N,) of the behaviour policy, noise included (nats)."""
    value: Tensor
    """(N,) of the behaviour policy's critic."""
    next_value: Tensor
    """(N,) V of the observation after the step; NaN where terminated."""
    next_row: Tensor
    """(N,) int64: the row of `observations` after the step, -1 where the window does not hold it."""
    terminated: Tensor
    """(N,) bool: the task ended, nothing follows."""
    segment_end: Tensor
    """(N,) bool: the next row is not this row's future."""
    noise_scale: Tensor
    """(N,) factor on the standard deviation; 1 where the author is unknown."""
    version: Tensor
    """(N,) int64 version of the behaviour policy, or UNKNOWN."""
    counts: dict[str, int]
    """Rows by what became of them: trained, bootstrap_only, after_window, or why they fell out. Sums to the table's."""
    addresses: pa.Table
    """rollout_id and row_index of the N rows."""
    places: NDArray[np.intp]
    """(M,) where the rows of `observations` stand in the table."""
    reasons: NDArray[np.str_]
    """(rows of the table,) empty where the row is trained on, else why not: a key of schemas.role.REASONS."""

    @classmethod
    def from_arrow(
        cls, table: pa.Table, space: Space, device: torch.device | str = "cpu", *, own_values: bool = False
    ) -> "Batch":
        """Cuts segments and finds bootstraps; raises WindowEmpty when no row can be trained on.

        A row whose claimed author or log_prob was refuted is not trained on; one of unknown author only when no author
        is known; one without a reward never. With `own_values` the recorded ones are of another reward (`ppo.refit`):
        what follows a row is then known only where its observation is, and whoever recorded it.
        """
        if table.num_rows == 0:
            raise WindowEmpty("window: it holds no rows. Select more rollouts")
        fate, after = _fates(table), _Following(table, own_values)
        able = (fate == "trained") & after.known
        reasons = np.where(able, "", np.where(fate == "trained", after.why_unknown, fate))
        fate[(fate == "trained") & ~able] = "bootstrap_only"
        counts = {str(reason): int(rows) for reason, rows in zip(*np.unique(fate, return_counts=True), strict=True)}
        if not able.any():
            raise WindowEmpty(
                f"window: none of its {table.num_rows} rows can be trained on: {counts}. Select more rollouts"
            )
        trained = np.flatnonzero(able)
        peeked = np.flatnonzero(np.append(False, (able & after.by_row)[:-1]) & ~able)
        place = np.full(table.num_rows + 1, UNKNOWN)
        place[np.concatenate([trained, peeked])] = np.arange(len(trained) + len(peeked))
        follower = np.append(able[1:], False)

        def tensor(values: NDArray[np.generic]) -> Tensor:
            return tensor_on(device, np.ascontiguousarray(values))

        def matrix(names: list[str], rows: NDArray[np.intp]) -> Tensor:
            out = np.empty((len(rows), len(names)), np.float32)
            for at, name in enumerate(names):  # the lake has columns, the products want rows: this copy has to be
                out[:, at] = column(table, name, np.float32)[rows]
            return tensor_on(device, out)

        actions = matrix(space.action_columns, trained)
        noise = np.nan_to_num(column(table, "noise_scale", np.float32)[trained], nan=1.0)
        return cls(
            observations=matrix(space.observation_columns, np.concatenate([trained, peeked])),
            actions=actions,
            clamped=_clamped(actions, space),
            **{name: tensor(column(table, name, np.float32)[trained]) for name in ("reward", "log_prob", "value")},
            next_value=tensor(after.value[trained]),
            next_row=tensor(np.where(after.by_row[trained], place[trained + 1], UNKNOWN)),
            terminated=tensor(flag(table, "terminated")[trained]),
            segment_end=tensor(~(after.inside & follower)[trained]),
            noise_scale=tensor(noise),
            version=tensor(_versions(table)[trained]),
            counts=counts,
            addresses=table.select(["rollout_id", "row_index"]).take(pa.array(trained)),
            places=np.concatenate([trained, peeked]),
            reasons=reasons,
        )

    def __len__(self) -> int:
        """N."""
        return len(self.reward)

    @property
    def collectors(self) -> set[int]:
        """Known versions that collected rows trained on."""
        return set(self.version.tolist()) - {UNKNOWN}

    def hashes(self) -> dict[str, str]:
        """sha256 of each tensor, by name; the same rows have the same ones on every device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: hashlib.sha256(
                str(tuple(tensor.shape)).encode() + tensor.cpu().contiguous().numpy().tobytes()
            ).hexdigest()
            for name, tensor in tensors.items()
            if isinstance(tensor, Tensor)
        }

    def where(self, rows: Tensor, most: int = 5) -> str:
        """Addresses of some rows, for a message."""
        chosen = self.addresses.take(pa.array(rows[:most].cpu().numpy())).to_pylist()
        listed = ", ".join(f"{row['rollout_id']}: experiences[{row['row_index']}]" for row in chosen)
        return listed + (f" and {len(rows) - most} more" if len(rows) > most else "")


class _Following:
    """What comes after each row of the table, and whether V of it is known (PPO.md 4)."""

    known: Flags
    inside: Flags
    """The next row of the table goes on in the same segment."""
    by_row: Flags
    """V of the next observation is the next row's value."""
    value: NDArray[np.float32]
    why_unknown: NDArray[np.str_]
    """Why V of the next observation is not known, where it is not."""

    def __init__(self, table: pa.Table, own_values: bool = False) -> None:
        rollout, version, in_window = codes(table, "rollout_id"), _versions(table), flag(table, "in_window")
        terminated, next_value = flag(table, "terminated"), column(table, "next_value", np.float32)
        goes_on = followed(table) & ~ended(table)
        same_rollout = np.append(rollout[1:] == rollout[:-1], False)
        same_policy = np.append((version[1:] == version[:-1]) & (version[1:] != UNKNOWN), False)
        both = in_window & np.append(in_window[1:], False)
        self.inside = goes_on & both & (same_rollout | same_policy)
        if own_values:
            given = np.zeros(len(in_window), bool)
            peek = goes_on & in_window & ~self.inside
        else:
            given = ~np.isnan(next_value)
            peek = goes_on & in_window & ~both & ~same_rollout & same_policy & ~given
        self.by_row = self.inside | peek
        self.known = terminated | self.by_row | given
        upcoming = np.append(column(table, "value", np.float32)[1:], np.float32(np.nan))
        self.value = np.where(self.by_row, upcoming, next_value).astype(np.float32)
        self.value[terminated] = np.nan
        alike = np.append(agent_continues(table), False)
        lost = flag(table, "gap_after") | (alike & np.append(flag(table, "gap_before")[1:], False))
        self.why_unknown = np.select(
            [ended(table) & ~terminated, lost, ~alike, ~followed(table)],
            ["time_limit", "row_lost", "nothing_follows", "rollout_missing"],
            "other_policy",
        )


def _versions(table: pa.Table) -> NDArray[np.int64]:
    filled = table["policy_version"].combine_chunks().fill_null(UNKNOWN)
    versions: NDArray[np.int64] = filled.to_numpy(zero_copy_only=False).astype(np.int64)
    return versions


def _clamped(actions: Tensor, space: Space) -> Tensor:
    low = [-math.inf if feature.low is None else feature.low for feature in space.actions]
    high = [math.inf if feature.high is None else feature.high for feature in space.actions]
    below, above = (actions <= actions.new_tensor(low)), (actions >= actions.new_tensor(high))
    return below.to(actions.dtype) - above.to(actions.dtype)


def _fates(table: pa.Table) -> NDArray[np.str_]:
    """(rows of the table,) "trained", or why not."""
    version, in_window = _versions(table), flag(table, "in_window")
    known = version != UNKNOWN
    silent = np.isnan(column(table, "noise_scale", np.float64))
    verdict = table["verdict"].to_numpy(zero_copy_only=False)
    fate = np.full(table.num_rows, "trained", dtype="U20")
    fate[known & silent] = "noise_unknown"
    if (known & in_window).any():
        fate[~known] = "unknown_policy"
    for refuted in ("claim_refuted", "log_prob_disagrees"):
        fate[~known & (verdict == refuted)] = refuted
    fate[np.isnan(column(table, "reward", np.float32))] = "no_reward"
    fate[~in_window] = "after_window"
    return fate
