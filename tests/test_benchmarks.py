"""The benchmark's table and its JSON, from made rows and from one real measurement."""

import json
import math

import pytest
import torch
from typer.testing import CliRunner

from benchmarks import determinism, floors, gae, lake, processes, start, table, training, update, update_peers
from benchmarks.__main__ import Device, about
from benchmarks.row import Row
from ppo.backprop import Backprop
from ppo.policy import Policy, views

FAST = Row("gae", "10 rows", 40.0, "python loop", 4.0, "M rows/s", 10.0, None, 160.0, "copy of memory")
WANTED = Row("gae", "10 rows", 40.0, "goal", 20.0, "M rows/s", 2.0, 1.0)
ABSENT = Row("gae", "10 rows", 40.0, "TorchRL", None, "M rows/s", None, None, 160.0, "copy of memory")
SLOW = Row("update", "batch 64", 3.0, "SB3", 3.0, "ms", 1.0, 1.5, 0.5, "products")


def test_rows_of_one_figure_are_one_line_with_every_peer_the_floor_and_the_goal():
    line, other = table.lines([FAST, ABSENT, SLOW, WANTED])
    assert line == (
        "gae",
        "10 rows",
        "40",
        "M rows/s",
        "python loop 4 (10.00)\nTorchRL: not installed",
        "copy of memory 160 (4.0 off)",
        "20 M rows/s: met",
    )
    assert other[4:] == ("SB3 3 (1.00)", "products 0.5 (6.0 off)", "1.5 x SB3: missed")


@pytest.mark.parametrize("ratio", [None, math.nan, 1.4])
def test_a_goal_without_a_ratio_that_reaches_it_is_missed(ratio):
    assert Row("update", "x", 1.0, "SB3", 1.0, "ms", ratio, 1.5).missed
    assert not Row("update", "x", 1.0, "SB3", 1.0, "ms", ratio, None).missed
    assert not Row("update", "x", 1.0, "SB3", 1.5, "ms", 1.5, 1.5).missed


def test_the_json_holds_what_the_readme_says():
    told = json.loads(table.as_json([FAST, SLOW], {"case": 1e-7}, about(Device.CPU)))
    assert (told["format"], told["gold"]) == (1, {"case": 1e-7})
    assert {"date", "machine", "cores", "device", "python", "torch", "numpy"} <= told.keys()
    fields = {"stage", "what", "ours", "unit", "peer_name", "peer", "ratio", "goal", "missed", "floor", "floor_name"}
    assert [row.keys() for row in told["rows"]] == [fields, fields]
    assert [row["missed"] for row in told["rows"]] == [False, True]


def test_the_arithmetic_of_an_update_is_what_torch_counts_in_its_products():
    from torch.utils.flop_counter import FlopCounterMode

    policy, rows = Policy.fresh(15, 3, (32, 16), seed=1), 64
    flat, gradient = policy.flat.clone(), torch.zeros_like(policy.flat)
    backprop = Backprop(*(views(each, policy.sizes, policy.actions) for each in (flat, gradient)))
    observations = torch.randn(rows, 15)
    with FlopCounterMode(display=False) as counter:
        mean, _ = backprop.forward(observations)
        backprop.backward(observations, mean, torch.randn(rows, 3), torch.randn(rows))
    counted = floors.of_update(rows, 15, (32, 16), 3)
    assert counter.get_total_flops() == pytest.approx(counted, rel=0.05)  # it leaves products with a vector out


@pytest.mark.parametrize(
    "peer",
    [
        update_peers.stable_baselines3,
        update_peers.torchrl,
        pytest.param(update_peers.leanrl, marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_peer_s_update_runs_where_it_is_installed(peer):
    round_ = peer(32, 64, (15, 8), 3, "cpu")
    if round_ is None:
        pytest.skip("not installed: pip install 'pitwall[bench]'")
    assert round_() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "small"),
    [
        (lambda: lake.rows(20), {}),
        (gae.rows, {gae: {"SIZES": (41_000,), "ROUNDS": 1}}),
        (update.rows, {update: {"SIZES": (64,), "ROUNDS": 1, "PEERS": {"nobody": lambda *_: None}}}),
        (processes.rows, {processes: {"SIZES": (1024,), "ROUNDS": 1}}),
        (determinism.rows, {determinism: {"ROUNDS": 1}}),
        (start.rows, {start: {"ROUNDS": 1}}),
        (training.rows, {training: {"ROLLOUTS": 2, "ROUNDS": 1}}),
    ],
    ids=["lake", "gae", "update", "processes", "determinism", "start", "training"],
)
def test_each_part_measures_figures_that_are_numbers(part, small, monkeypatch):
    for module, sizes in small.items():
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)
    found = part()
    assert found
    for row in found:
        assert math.isfinite(row.ours) and row.ours >= 0, row


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_measured():
    import typer

    from benchmarks.__main__ import main

    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, ["--device", "cuda", "--only", "gae"])
    assert result.exit_code == 2
    assert "finds no GPU here" in result.output
