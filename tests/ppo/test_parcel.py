"""Arguments and results of an update, packed for another process and unpacked."""

import dataclasses

import numpy as np
import torch

from ppo.batch import Batch
from ppo.learner import train
from ppo.parcel import Parcel, trained_files, trained_from
from ppo.policy import Policy
from schemas.training import TrainConfig
from tests.ppo.tables import SPACE, collect, table

CPU = torch.device("cpu")


def test_a_training_from_an_unpacked_parcel_is_the_same_to_the_bit_and_so_is_what_comes_back():
    policy = Policy.fresh(15, 3, (8,), seed=1)
    batch = Batch.from_arrow(table([collect(policy, 0.2, 100)], noise_scale=0.2), SPACE)
    batch = dataclasses.replace(batch, terminated=batch.segment_end)  # one tensor by two names
    config = TrainConfig(epochs=1, normalise_observations=True, scale_returns=True)
    first = train(policy, batch, config)
    parcel = Parcel(first.policy, batch, config, first.optimizer_state, {1: policy})
    arrived = Parcel.unpacked(parcel.files())
    assert arrived.batch.hashes() == batch.hashes()
    assert arrived.batch.addresses == batch.addresses and arrived.batch.counts == batch.counts
    assert np.array_equal(arrived.batch.places, batch.places) and np.array_equal(arrived.batch.reasons, batch.reasons)
    assert arrived.config == config
    wanted, there = (
        train(each.policy, each.batch, each.config, each.optimizer_state, collectors=each.collectors)
        for each in (parcel, arrived)
    )
    back = trained_from(trained_files(there), CPU)
    assert torch.equal(back.policy.flat, wanted.policy.flat)
    assert back.policy.to_safetensors() == wanted.policy.to_safetensors()
    assert back.optimizer_state == wanted.optimizer_state
    assert {**back.metrics, "seconds": 0} == {**wanted.metrics, "seconds": 0}
    assert [dataclasses.replace(one, rows=CPU) for one in back.sources] == [
        dataclasses.replace(one, rows=CPU) for one in wanted.sources
    ]
    assert all(torch.equal(one.rows, other.rows) for one, other in zip(back.sources, wanted.sources, strict=True))
