"""One update of PPO (loss, gradient, Adam) beside Stable-Baselines3's, TorchRL's and LeanRL's, in the same run.

One thread, the same sizes: 15 observations, 3 actions, two trunks of 128-128, 16 minibatches or more. They take turns,
and each reports its best round. The floor is the arithmetic of the products at the rate of one large product.
On CUDA ours trains for more epochs: each training records its steps anew, LeanRL's graph lives through all rounds.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from benchmarks import floors, update_peers
from benchmarks.row import Row
from ppo.batch import Batch
from ppo.device import threads
from ppo.learner import train
from ppo.loss import log_prob
from ppo.policy import Policy
from schemas.training import TrainConfig

OBSERVATIONS, ACTIONS, HIDDEN = 15, 3, (128, 128)
SIZES = (64, 256, 1024)
PEERS = {
    "stable-baselines3 PPO.train": update_peers.stable_baselines3,
    "TorchRL ClipPPOLoss": update_peers.torchrl,
    "LeanRL's recipe": update_peers.leanrl,
}
COMPILED = "ours, compiled"
GOALS = {("cpu", 64, "stable-baselines3 PPO.train"): 1.5} | {("cuda", size, "LeanRL's recipe"): 1.0 for size in SIZES}
"""Of ratios, by device, size of minibatch and peer."""
ROUNDS, EPOCHS = 5, {"cpu": 4, "cuda": 40}


def rows(device: str = "cpu") -> list[Row]:
    """A row per size of minibatch and peer, milliseconds per update."""
    with threads(1):
        rate = floors.products_per_second(device)
        return [row for batch_size in SIZES for row in _rows(batch_size, device, rate)]


def _rows(batch_size: int, device: str, products_per_second: float) -> list[Row]:
    many = max(2048, 16 * batch_size)
    rounds = {"ours": _ours(batch_size, many, device)}
    if device == "cuda":
        rounds[COMPILED] = _ours(batch_size, many, device, compiled=True)
    for name, peer in PEERS.items():
        if (made := peer(batch_size, many, (OBSERVATIONS, *HIDDEN), ACTIONS, device)) is not None:
            rounds[name] = made
    best = dict.fromkeys(rounds, math.inf)
    for _ in range(ROUNDS):
        for name, round_ in rounds.items():
            best[name] = min(best[name], round_())
    floor = 1e3 * floors.of_update(batch_size, OBSERVATIONS, HIDDEN, ACTIONS) / products_per_second
    what, ours, found = f"one update, batch {batch_size}, {device}", best["ours"], []
    for name in (*PEERS, COMPILED) if device == "cuda" else PEERS:
        peer_ms = best.get(name)
        ratio = None if peer_ms is None else peer_ms / ours
        goal = None if ratio is None else GOALS.get((device, batch_size, name))
        found.append(Row("update", what, ours, name, peer_ms, "ms", ratio, goal, floor, "products"))
    return found


def _ours(batch_size: int, many: int, device: str, *, compiled: bool = False) -> Callable[[], float]:
    config = TrainConfig(
        batch_size=batch_size, hidden=HIDDEN, epochs=EPOCHS[device], compile=compiled, min_effective_sample_size=0,
        max_behaviour_kl=None,
    )  # fmt: skip
    policy, batch = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1), batch_on(device, many)

    def round_() -> float:
        metrics = train(policy, batch, config).metrics
        return 1e3 * float(metrics["seconds"]) / int(metrics["updates"])

    return round_


def batch_on(device: str, rows: int) -> Batch:
    """Rows of chance, of one segment per 128."""
    import pyarrow as pa

    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(rows, OBSERVATIONS, generator=generator)
    mean, value = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1)(observations)
    log_std, noise = torch.full((ACTIONS,), math.log(0.5)), torch.full((rows,), 0.2)
    actions = mean + 0.1 * torch.randn(rows, ACTIONS, generator=generator)
    end = torch.arange(rows) % 128 == 127
    tensors = dict(
        observations=observations, actions=actions, reward=torch.randn(rows, generator=generator),
        clamped=torch.zeros_like(actions), log_prob=log_prob(mean, log_std, actions, noise),
        value=value, next_value=value.roll(-1),
        next_row=torch.full((rows,), -1), terminated=end, segment_end=end, noise_scale=noise,
        version=torch.ones(rows, dtype=torch.int64),
    )  # fmt: skip
    addresses = pa.table({"rollout_id": ["benchmark"] * rows, "row_index": list(range(rows))})
    there = {name: tensor.to(device) for name, tensor in tensors.items()}
    places, reasons = np.arange(rows), np.full(rows, "")
    return Batch(counts={}, addresses=addresses, places=places, reasons=reasons, **there)
