"""Two real processes under torchrun, connected by gloo, against one."""

import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from ppo.group import Group
from tests.ppo.group_rank import CASES, ROWS, made, outcome, stopped

LAUNCHER = [
    *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=0", "--rdzv-backend=c10d"),
    *("--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "-m", "tests.ppo.group_rank"),
]
NEARBY = {"linux": {"GLOO_SOCKET_IFNAME": "lo"}, "darwin": {"GLOO_SOCKET_IFNAME": "lo0"}}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """Per rank: weights by case, and what it said."""
    folder = tmp_path_factory.mktemp("ranks")
    nearby = {"OMP_NUM_THREADS": "1", "USE_LIBUV": "0" if os.name == "nt" else "1"} | NEARBY.get(sys.platform, {})
    command = [*LAUNCHER, str(folder)]
    done = subprocess.run(command, env=os.environ | nearby, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    names = [folder / str(rank) for rank in (0, 1)]
    return [
        (load_file(name.with_suffix(".safetensors")), json.loads(name.with_suffix(".json").read_text()))
        for name in names
    ]


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6), processes=st.integers(1, 5))
def test_the_shares_of_all_processes_are_each_row_once(sizes, processes):
    rows = torch.arange(sum(sizes))
    shares = [Group(rank, processes).shares(rows, sizes) for rank in range(processes)]
    together = [torch.cat(minibatch) for minibatch in zip(*shares, strict=True)]
    assert [len(minibatch) for minibatch in together] == sizes
    assert torch.equal(torch.cat(together), rows)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("plain, float64", 1e-13),
        ("every switch, float64", 1e-13),
        ("one step, float32", 2e-7),
        ("an epoch, float32", 1e-6),  # many small steps instead of one
    ],
)
def test_two_processes_come_to_what_one_does(ranks, name, most):
    alone, figures = outcome(name)
    weights, said = ranks[0]
    torch.testing.assert_close(weights[name], alone, rtol=0, atol=most)
    assert (alone - made(alone.dtype)[0].flat).abs().max() > 1e-4  # there was something to learn
    shared = said["figures"][name]
    assert shared["rows_in_gradient"] == figures["rows_in_gradient"] == shared["rows_trained"]
    assert shared["rows_trained"] == ROWS
    for one, other in zip(shared["epochs"], figures["epochs"], strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=10 * most)


def test_every_process_ends_with_the_same_bits_and_again_the_same(ranks):
    (first, first_said), (second, second_said) = ranks
    for name in CASES:
        assert torch.equal(first[name], second[name])
        assert first_said["figures"][name]["epochs"] == second_said["figures"][name]["epochs"]
    assert torch.equal(first["an epoch, float32"], first["the same again"])


def test_a_number_that_is_not_finite_stops_all_with_the_words_of_one(ranks):
    assert "epoch 1, minibatch" in stopped() and "experiences[" in stopped()
    assert ranks[0][1]["said"]["stopped"] == ranks[1][1]["said"]["stopped"] == stopped()


def test_processes_that_hold_other_weights_are_found_out_by_all(ranks):
    for _, said in ranks:
        assert "weights: processes 1 of 2 ended with other bits" in said["said"]["unlike"]


def test_a_minibatch_needs_a_row_for_each_process(ranks):
    for _, said in ranks:
        assert "a minibatch has 1 rows for 2 processes" in said["said"]["too many"]
