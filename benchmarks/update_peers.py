"""Others' updates: each a call that takes a round and says its milliseconds an update; None: it is not installed.

Clip, value clip, entropy, advantages normalised by minibatch and the clipped norm of the gradient are as in our default
configuration; advantages are estimated before.
"""

import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from schemas.training import TrainConfig


def stable_baselines3(
    batch_size: int, rows: int, widths: Sequence[int], actions: int, device: str
) -> Callable[[], float] | None:
    """Its real `PPO.train`; `widths` are observations, then hidden ones."""
    try:
        import gymnasium
        from stable_baselines3 import PPO
        from stable_baselines3.common.logger import Logger
    except ImportError:
        return None
    observations, hidden = widths[0], list(widths[1:])

    class Still(gymnasium.Env):  # type: ignore[misc]
        observation_space = gymnasium.spaces.Box(-1, 1, (observations,), np.float32)
        action_space = gymnasium.spaces.Box(-1, 1, (actions,), np.float32)

        def reset(self, **_: object) -> tuple[np.ndarray, dict[str, object]]:
            return np.zeros(observations, np.float32), {}

        def step(self, _: object) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
            return np.zeros(observations, np.float32), 0.0, False, False, {}

    config = TrainConfig()
    learner = PPO(
        "MlpPolicy", Still(), n_steps=rows, batch_size=batch_size, n_epochs=config.epochs, device=device, verbose=0,
        learning_rate=config.learning_rate, clip_range_vf=config.value_clip, ent_coef=config.entropy_coef,
        policy_kwargs=dict(net_arch=dict(pi=hidden, vf=hidden), activation_fn=torch.nn.ReLU),
    )  # fmt: skip
    learner.set_logger(Logger(None, []))
    random = np.random.default_rng(0)
    buffer = learner.rollout_buffer
    for _ in range(rows):
        observation = random.standard_normal((1, observations)).astype(np.float32)
        with torch.no_grad():
            action, value, log_density = learner.policy(torch.from_numpy(observation).to(device))
        buffer.add(observation, action.cpu().numpy(), random.standard_normal(1), np.zeros(1), value, log_density)
    buffer.compute_returns_and_advantage(torch.zeros(1), np.zeros(1))
    updates = config.epochs * math.ceil(rows / batch_size)
    return lambda: _milliseconds(learner.train, device) / updates


def torchrl(batch_size: int, rows: int, widths: Sequence[int], actions: int, device: str) -> Callable[[], float] | None:
    """Its `ClipPPOLoss` with torch's Adam, eager, in the loop of its PPO examples; `widths` as above."""
    try:
        from tensordict import TensorDict
        from tensordict.nn import AddStateIndependentNormalScale, TensorDictModule
        from torchrl.modules import IndependentNormal, ProbabilisticActor, ValueOperator
        from torchrl.objectives import ClipPPOLoss
    except ImportError:
        return None
    config = TrainConfig()
    means = torch.nn.Sequential(_network(widths, actions), AddStateIndependentNormalScale(actions)).to(device)
    actor = ProbabilisticActor(
        TensorDictModule(means, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"], distribution_class=IndependentNormal, return_log_prob=True,
    )  # fmt: skip
    critic = ValueOperator(_network(widths, 1).to(device), in_keys=["observation"])
    objective = ClipPPOLoss(
        actor, critic, clip_epsilon=config.clip, entropy_coeff=config.entropy_coef, critic_coeff=config.value_coef,
        loss_critic_type="l2", normalize_advantage=True, clip_value=config.value_clip,
    )  # fmt: skip
    optimizer = torch.optim.Adam(objective.parameters(), config.learning_rate, eps=config.adam_eps)
    data = TensorDict({"observation": torch.randn(rows, widths[0], device=device)}, [rows])
    with torch.no_grad():
        data = critic(actor(data))
    data["advantage"], data["value_target"] = torch.randn(2, rows, 1, device=device)
    updates = config.epochs * math.ceil(rows / batch_size)

    def train() -> None:
        for _ in range(config.epochs):
            for chosen in torch.split(torch.randperm(rows, device=device), batch_size):
                told = objective(data[chosen])
                (told["loss_objective"] + told["loss_critic"] + told["loss_entropy"]).backward()
                torch.nn.utils.clip_grad_norm_(objective.parameters(), config.max_grad_norm)
                optimizer.step()
                optimizer.zero_grad()

    return lambda: _milliseconds(train, device) / updates


def leanrl(batch_size: int, rows: int, widths: Sequence[int], actions: int, device: str) -> Callable[[], float] | None:
    """The recipe of LeanRL's `ppo_continuous_action_torchcompile`: loss, backward pass and Adam are one compiled
    function, on CUDA replayed by tensordict's `CudaGraphModule`; `widths` as above.
    """  # noqa: D205
    if device == "cpu" and shutil.which(os.environ.get("CXX", "c++")) is None:
        return None
    try:
        from tensordict import TensorDict
        from tensordict.nn import CudaGraphModule, TensorDictModule
    except ImportError:
        return None
    config = TrainConfig()
    assert config.value_clip is not None
    value_clip = config.value_clip
    actor, critic = _network(widths, actions).to(device), _network(widths, 1).to(device)
    log_std = torch.nn.Parameter(torch.zeros(1, actions, device=device))
    parameters = [*actor.parameters(), *critic.parameters(), log_std]
    rate = torch.tensor(config.learning_rate, device=device)
    optimizer = torch.optim.Adam(parameters, lr=rate, eps=config.adam_eps, capturable=device == "cuda")

    def update(*columns: torch.Tensor) -> tuple[torch.Tensor, ...]:
        observation, action, log_prob, advantage, target, recorded = columns
        optimizer.zero_grad()
        normal: Any = torch.distributions.Normal(
            actor(observation), log_std.exp().expand_as(action), validate_args=False
        )
        value, entropy = critic(observation).view(-1), normal.entropy().sum(1).mean()
        log_ratio = normal.log_prob(action).sum(1) - log_prob
        ratio = log_ratio.exp()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        surrogate = torch.min(ratio * advantage, ratio.clamp(1 - config.clip, 1 + config.clip) * advantage).mean()
        near = recorded + (value - recorded).clamp(-value_clip, value_clip)
        error = torch.max((value - target).square(), (near - target).square()).mean() / 2
        (config.value_coef * error - surrogate - config.entropy_coef * entropy).backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
        optimizer.step()
        with torch.no_grad():
            kl, clipped = (ratio - 1 - log_ratio).mean(), ((ratio - 1).abs() > config.clip).float().mean()
        return surrogate.detach(), error.detach(), kl, clipped, norm

    names = ["observation", "action", "log_prob", "advantage", "target", "recorded"]
    told = ["surrogate", "error", "kl", "clipped", "norm"]
    step: Any = torch.compile(TensorDictModule(update, in_keys=names, out_keys=told))
    if device == "cuda":
        step = CudaGraphModule(step)
    shapes = ((rows, widths[0]), (rows, actions), *[(rows,)] * 4)
    columns = (torch.randn(shape, device=device) for shape in shapes)
    data = TensorDict(dict(zip(names, columns, strict=True)), [rows])
    updates = config.epochs * math.ceil(rows / batch_size)

    def train() -> None:
        for _ in range(config.epochs):
            for chosen in torch.split(torch.randperm(rows, device=device), batch_size):
                step(data[chosen], tensordict_out=TensorDict())

    return lambda: _milliseconds(train, device) / updates


def _network(widths: Sequence[int], outputs: int) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for below, above in pairwise(widths):
        layers += [torch.nn.Linear(below, above), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], outputs))


def _milliseconds(work: Callable[[], None], device: str) -> float:
    begun = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - begun)
