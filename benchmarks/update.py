"""One update of PPO (loss, gradient, Adam) beside Stable-Baselines3's real `PPO.train`, in the same run.

Same sizes on one thread: 15 observations, 3 actions, two trunks of 128-128, 2048 rows; clip, value clip, entropy and
normalised advantages on both sides. The two take turns, and each reports its best round.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.row import Row
from ppo.batch import Batch
from ppo.learner import train
from ppo.loss import log_prob
from ppo.policy import Policy
from schemas.training import TrainConfig

ROWS, OBSERVATIONS, ACTIONS, HIDDEN = 2048, 15, 3, (128, 128)
GOAL_AT_64 = 1.5
ABSENT = "stable-baselines3 (not installed: pip install -e '.[bench]')"
ROUNDS = 5


def rows(device: str = "cpu") -> list[Row]:
    """A row per size of minibatch, milliseconds per update."""
    return [_row(batch_size, device) for batch_size in (64, 256, 1024)]


def _row(batch_size: int, device: str) -> Row:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, peer = _ours(batch_size, device), _stable_baselines3(batch_size, device)
        best, best_peer = math.inf, math.inf
        for _ in range(ROUNDS):
            best = min(best, ours())
            best_peer = min(best_peer, peer()) if peer else math.inf
    finally:
        torch.set_num_threads(threads)
    what = f"one update, batch {batch_size}, {device}"
    if peer is None:
        return Row("update", what, best, ABSENT, None, "ms", None, None)
    goal = GOAL_AT_64 if batch_size == 64 and device == "cpu" else None
    return Row("update", what, best, "stable-baselines3 PPO.train", best_peer, "ms", best_peer / best, goal)


def _ours(batch_size: int, device: str) -> Callable[[], float]:
    config = TrainConfig(batch_size=batch_size, hidden=HIDDEN, min_effective_sample_size=0, max_behaviour_kl=None)
    policy, batch = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1), batch_on(device)

    def round_() -> float:
        metrics = train(policy, batch, config).metrics
        return 1e3 * float(metrics["seconds"]) / int(metrics["updates"])

    return round_


def batch_on(device: str) -> Batch:
    """Rows of chance, of one segment per 128."""
    import pyarrow as pa

    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(ROWS, OBSERVATIONS, generator=generator)
    mean, value = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1)(observations)
    log_std, noise = torch.full((ACTIONS,), math.log(0.5)), torch.full((ROWS,), 0.2)
    actions = mean + 0.1 * torch.randn(ROWS, ACTIONS, generator=generator)
    end = torch.arange(ROWS) % 128 == 127
    tensors = dict(
        observations=observations, actions=actions, reward=torch.randn(ROWS, generator=generator),
        clamped=torch.zeros_like(actions), log_prob=log_prob(mean, log_std, actions, noise),
        value=value, next_value=value.roll(-1),
        next_row=torch.full((ROWS,), -1), terminated=end, segment_end=end, noise_scale=noise,
        version=torch.ones(ROWS, dtype=torch.int64),
    )  # fmt: skip
    addresses = pa.table({"rollout_id": ["benchmark"] * ROWS, "row_index": list(range(ROWS))})
    there = {name: tensor.to(device) for name, tensor in tensors.items()}
    places, reasons = np.arange(ROWS), np.full(ROWS, "")
    return Batch(counts={}, addresses=addresses, places=places, reasons=reasons, **there)


def _stable_baselines3(batch_size: int, device: str) -> Callable[[], float] | None:
    try:
        import gymnasium
        from stable_baselines3 import PPO
        from stable_baselines3.common.logger import Logger
    except ImportError:
        return None

    class Still(gymnasium.Env):  # type: ignore[misc]
        observation_space = gymnasium.spaces.Box(-1, 1, (OBSERVATIONS,), np.float32)
        action_space = gymnasium.spaces.Box(-1, 1, (ACTIONS,), np.float32)

        def reset(self, **_: object) -> tuple[np.ndarray, dict[str, object]]:
            return np.zeros(OBSERVATIONS, np.float32), {}

        def step(self, _: object) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
            return np.zeros(OBSERVATIONS, np.float32), 0.0, False, False, {}

    config = TrainConfig()
    learner = PPO(
        "MlpPolicy", Still(), n_steps=ROWS, batch_size=batch_size, n_epochs=config.epochs, device=device, verbose=0,
        learning_rate=config.learning_rate, clip_range_vf=config.value_clip, ent_coef=config.entropy_coef,
        policy_kwargs=dict(net_arch=dict(pi=list(HIDDEN), vf=list(HIDDEN)), activation_fn=torch.nn.ReLU),
    )  # fmt: skip
    learner.set_logger(Logger(None, []))
    random = np.random.default_rng(0)
    buffer = learner.rollout_buffer
    for _ in range(ROWS):
        observation = random.standard_normal((1, OBSERVATIONS)).astype(np.float32)
        with torch.no_grad():
            action, value, log_density = learner.policy(torch.from_numpy(observation).to(device))
        buffer.add(observation, action.cpu().numpy(), random.standard_normal(1), np.zeros(1), value, log_density)
    buffer.compute_returns_and_advantage(torch.zeros(1), np.zeros(1))
    updates = config.epochs * math.ceil(ROWS / batch_size)

    def round_() -> float:
        begun = time.perf_counter()
        learner.train()
        return 1e3 * (time.perf_counter() - begun) / updates

    return round_
