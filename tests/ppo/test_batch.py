"""Values name their position: value = 10 x step of the agent's drive, reward = step."""

import numpy as np
import pytest
import torch

from ppo.batch import Batch
from ppo.gae import gae
from schemas.errors import WindowEmpty
from schemas.space import Space
from tests.ppo.tables import from_rows

SPACE = Space.of(2, ["push"])


def drive(*rollouts, **columns):
    """One agent; `rollouts` are numbers of rows. Row k of the drive has value 10 k and reward k."""
    rows, at = [], 0
    for position, count in enumerate(rollouts):
        for step in range(count):
            rows.append({
                "run_id": "run", "rollout_id": f"r{position}", "rollout_position": position, "rollout_index": position,
                "row_index": step, "agent_index": 0, "step": step, "reward": at, "log_prob": -1, "value": 10 * at,
                "next_value": None, "terminated": False, "truncated": False, "gap_before": False, "gap_after": False,
                "policy_version": 1, "verdict": "author", "noise_scale": 0.2, "in_window": True,
                "obs_00": at, "obs_01": 0, "action_push": at, **columns,
            })  # fmt: skip
            at += 1
    return rows


def batch_of(rows):
    batch = Batch.from_arrow(from_rows(rows, SPACE), SPACE)
    assert sum(batch.counts.values()) == len(rows)
    return batch


def estimate(batch):
    columns = (batch.reward, batch.value, batch.next_value, batch.terminated, batch.segment_end)
    return gae(*columns, 0.9, 0.8)[0].numpy()


def test_an_unknown_future_makes_the_last_row_a_bootstrap():
    batch = batch_of(drive(3))
    assert batch.counts == {"trained": 2, "bootstrap_only": 1}
    assert batch.next_value.tolist() == [10, 20]
    assert batch.segment_end.tolist() == [False, True]
    assert batch.next_row.tolist() == [1, 2]
    assert batch.observations[:, 0].tolist() == [0, 1, 2]


def test_next_value_of_the_file_comes_first():
    rows = drive(3)
    rows[2]["next_value"] = 99
    batch = batch_of(rows)
    assert batch.next_value.tolist() == [10, 20, 99]
    assert batch.next_row.tolist() == [1, 2, -1]


def test_the_next_rollouts_first_row_bootstraps_the_last():
    rows = drive(3, 1)
    rows[3]["in_window"] = False
    batch = batch_of(rows)
    assert batch.counts == {"trained": 3, "after_window": 1}
    assert batch.next_value.tolist() == [10, 20, 30]
    assert batch.segment_end.tolist() == [False, False, True]


@pytest.mark.parametrize("split", [(6,), (1, 5), (3, 3), (2, 1, 3), (1, 1, 1, 1, 1, 1)])
def test_advantages_do_not_depend_on_how_rows_are_split_into_files(split):
    assert np.array_equal(estimate(batch_of(drive(*split))), estimate(batch_of(drive(6))))


@pytest.mark.parametrize("change", [
    {"policy_version": 2}, {"policy_version": None, "noise_scale": None}, {"rollout_index": 5}, {"rollout_index": None},
    {"run_id": "run_2"}, {"agent_index": 1}, {"gap_before": True},
])  # fmt: skip
def test_rollouts_that_do_not_follow_each_other_do_not_bootstrap(change):
    rows = drive(3, 3)
    rows[3:] = [{**row, **change} for row in rows[3:]]
    batch = batch_of(rows)
    assert batch.next_value[:2].tolist() == [10, 20]
    assert batch.reward.tolist()[:2] == [0, 1]
    assert 2 not in batch.reward.tolist()


def test_rollouts_of_unknown_policies_never_join():
    batch = batch_of(drive(2, 2, policy_version=None, noise_scale=None))
    assert batch.counts == {"trained": 2, "bootstrap_only": 2}
    assert batch.noise_scale.tolist() == [1, 1]
    assert batch.version.tolist() == [-1, -1]


def test_a_gap_cuts_like_the_end_of_the_data():
    rows = drive(5)
    rows[2]["gap_before"] = True
    batch = batch_of(rows)
    assert batch.reward.tolist() == [0, 2, 3]
    assert batch.next_value.tolist() == [10, 30, 40]
    assert batch.segment_end.tolist() == [True, False, True]


def test_an_end_needs_no_bootstrap_and_a_time_limit_does():
    rows = drive(6)
    rows[1]["terminated"] = True
    rows[3]["truncated"] = True
    rows[5].update(truncated=True, next_value=60)
    batch = batch_of(rows)
    assert batch.reward.tolist() == [0, 1, 2, 4, 5]  # of row 3 nobody knows what followed
    assert np.isnan(batch.next_value[1].item())
    assert batch.next_value[2:].tolist() == [30, 50, 60]
    assert batch.segment_end.tolist() == [False, True, True, False, True]


def test_a_refuted_claim_is_not_trained_on():
    rows = drive(3, 3)
    for row in rows[3:]:
        row.update(policy_version=None, verdict="claim_refuted", noise_scale=None)
    assert batch_of(rows).counts == {"trained": 2, "bootstrap_only": 1, "claim_refuted": 3}


def test_a_window_without_a_trainable_row_says_why():
    with pytest.raises(WindowEmpty, match="'bootstrap_only': 1"):
        batch_of(drive(1))


def test_a_window_without_rows_is_empty():
    with pytest.raises(WindowEmpty, match="no rows"):
        batch_of([])


def test_a_row_is_found_again_by_its_address():
    assert batch_of(drive(3)).where(torch.tensor([1])) == "r0: experiences[1]"
