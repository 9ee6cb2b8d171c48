"""A critic for another reward than the one that it, or the recorded values, learned.

Arrives: a policy and a batch whose rewards are of a scale that the recorded values know nothing of. Leaves: the policy
with a critic of these rewards, and a batch whose values are that critic's. The actor is not touched, bit for bit: what
the rows' log-probs say of it does not depend on the reward.

Recorded V(s) in a delta of new rewards would add two scales: r' + gamma V_r(s') - V_r(s) is an estimate of nothing, the
clip of values would hold the critic near the old ones, and a bootstrap at a cut would pay the old reward for ever. So
targets are Monte Carlo returns of the new rewards (lambda = 1), which no critic can bend; only where a segment is cut
does the new critic itself say what follows. The value head starts at 0 and is solved by least squares on the trunk's
features until these bootstraps agree with it (fitted value iteration); then the trunk learns too, and the epoch that
does best on held-out segments stays.
Legend: M rows with an observation, N <= M rows trained on, H width of the last hidden layer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ppo import loss
from ppo.adam import Adam
from ppo.backprop import Backprop
from ppo.batch import Batch
from ppo.clone import BATCH, split
from ppo.device import one_thread_if_small, repeatable
from ppo.gae import gae
from ppo.learner import permutation
from ppo.policy import Parameters, Policy, forward, views
from ppo.return_scale import ReturnScale
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig

ROUNDS = 30
"""Solutions of the head at the most; each lets bootstraps see one segment further."""
SETTLED = 1e-3
"""Bootstraps agree when targets move by less than this share of their size."""
RIDGE = 1e-4
"""Share of the features' mean square that is added to each: features that are never active get no weight."""


@dataclass(frozen=True)
class Refitted:
    """A policy whose critic knows the batch's rewards."""

    policy: Policy
    metrics: dict[str, float]
    """explained_variance_before (of the critic that arrived) and explained_variance, both of Monte Carlo returns on
    held_out_rows, segments that the fit did not see; return_mean."""
    optimizer_state: bytes | None
    """The actor's moments go on. The critic's direction was of errors that are gone, and is forgotten; but the size of
    its steps is not: without it Adam's first ones, all of one size, would undo the fit. None where there was none."""


def with_values_of(policy: Policy, batch: Batch) -> Batch:
    """The batch with this critic's values in place of the recorded ones; it must be made with `own_values`."""
    _, value = policy.to(batch.observations.device)(batch.observations)
    return _with_values(batch, value)


def refit(
    policy: Policy,
    batch: Batch,
    config: TrainConfig,
    optimizer_state: bytes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Refitted:
    """Fits the critic to Monte Carlo returns of the batch's rewards; raises TrainingStopped when it is not finite."""
    rows, held_out = split(batch, config.seed)
    device = batch.observations.device
    observations = batch.observations if policy.normaliser is None else policy.normaliser(batch.observations)
    before = policy.to(device)(batch.observations[: len(batch)])[1]
    flat = policy.flat.to(device, copy=True)
    with one_thread_if_small(BATCH), repeatable(batch.reward.device):
        parameters = views(flat, policy.sizes, policy.actions)
        targets = _solve_head(parameters, observations, batch, rows, config)
        # With the unit of these returns: the old one's memory is of other rewards.
        unit = ReturnScale.identity().seen(targets).unit
        for head in (parameters.value_weight, parameters.value_bias):
            head.div_(unit)
        flat, square = _fit(policy, flat, observations, batch, config, unit, (rows, held_out), progress)
        for head in views(flat, policy.sizes, policy.actions)[4:6]:
            head.mul_(unit)
    fitted = replace(policy, flat=flat.cpu(), return_scale=None)
    _, value = fitted.to(device)(batch.observations)
    targets = _returns(batch, value, config)
    metrics = {
        "explained_variance_before": _explained(before, targets, held_out),
        "explained_variance": _explained(value[: len(batch)], targets, held_out),
        "held_out_rows": float(len(held_out)),
        "return_mean": float(targets.mean()),
    }
    if not (flat.isfinite().all() and math.isfinite(metrics["return_mean"])):
        raise TrainingStopped(
            f"refit: the critic of the new reward is not finite ({metrics}). Lower clone_learning_rate, or clamp it"
        )
    state = None if optimizer_state is None else _renewed(policy, optimizer_state, square, unit, config)
    return Refitted(fitted, metrics, state)


@torch.no_grad()
def _solve_head(
    parameters: Parameters, observations: Tensor, batch: Batch, rows: Tensor, config: TrainConfig
) -> Tensor:
    """Writes the head that fits the returns of `rows`; -> targets (N,) that it settled on."""
    features = _features(parameters, observations).cpu().double()  # (M, H); not every device has float64
    known = features[rows.cpu()]
    mean = known.mean(0)
    centred = known - mean
    square = centred.T @ centred
    square.diagonal().add_(RIDGE * square.diagonal().mean() + 1e-12)
    factor = torch.linalg.cholesky(square)
    value = batch.reward.new_zeros(len(observations))
    targets = _returns(batch, value, config)
    for _ in range(ROUNDS):
        wanted = targets[rows].cpu().double()
        weight = torch.cholesky_solve((centred.T @ (wanted - wanted.mean()))[:, None], factor)[:, 0]
        bias = wanted.mean() - mean @ weight
        value = (features @ weight + bias).to(value)
        moved = _returns(batch, value, config)
        change, targets = (moved - targets).abs().max(), moved
        if change <= SETTLED * targets.square().mean().sqrt():
            break
    parameters.value_weight.copy_(weight[None])
    parameters.value_bias.copy_(bias[None])
    return targets


def _fit(
    policy: Policy,
    flat: Tensor,
    observations: Tensor,
    batch: Batch,
    config: TrainConfig,
    unit: float,
    parts: tuple[Tensor, Tensor],
    progress: Callable[[int, int], None] | None,
) -> tuple[Tensor, Tensor]:
    """The weights of the epoch whose critic did best on the rows held out, and the mean square of gradients there.

    The actor gets no gradient at all.
    """
    rows, held_out = parts
    gradient = torch.zeros_like(flat)
    parameters, gradients = (views(tensor, policy.sizes, policy.actions) for tensor in (flat, gradient))
    backprop, optimizer = Backprop(parameters, gradients, policy.mean), Adam(flat, config.adam_eps)
    rate = flat.new_tensor(config.clone_learning_rate)
    count = math.ceil(len(rows) / BATCH)
    epochs = max(config.clone_epochs, math.ceil(config.clone_updates / count))
    best, best_error = (flat.clone(), batch.reward), math.inf

    def slope(chosen: Tensor, targets: Tensor) -> None:
        mean, value = backprop.forward(observations[chosen])
        backprop.backward(observations[chosen], mean, torch.zeros_like(mean), (value - targets[chosen]) / len(chosen))

    for epoch in range(epochs + 1):
        with torch.no_grad():
            _, value = forward(parameters, observations, policy.mean)
            targets = _returns(batch, value * unit, config) / unit
            error = float((value[held_out] - targets[held_out]).square().mean())
        if error < best_error:
            best, best_error = (flat.clone(), targets), error
        if epoch == epochs:
            break
        order = rows[permutation(len(rows), config.seed, epoch).to(rows.device)]
        for at, chosen in enumerate(order.tensor_split(count)):
            rate.fill_(config.clone_learning_rate * (1 - (epoch * count + at) / (epochs * count)))
            slope(chosen, targets)
            optimizer.step(gradient, rate, max_norm=10.0)
        if progress is not None:
            progress(epoch + 1, epochs)
    flat.copy_(best[0])
    square = torch.zeros_like(flat)
    for chosen in rows[permutation(len(rows), config.seed, 0).to(rows.device)].tensor_split(count):
        slope(chosen, best[1])
        square.addcmul_(gradient, gradient, value=1 / count)
    return flat, square


def _renewed(policy: Policy, optimizer_state: bytes, square: Tensor, unit: float, config: TrainConfig) -> bytes:
    """The optimizer's state with the critic's part made anew, for gradients of the update's own loss and unit."""
    optimizer = Adam(torch.zeros_like(square), config.adam_eps)
    learning_rate = optimizer.restore(optimizer_state)
    size = 1.0 if config.scale_returns else unit
    factor = torch.zeros_like(square)
    critic = views(factor, policy.sizes, policy.actions)
    for trunk in (*critic.weights, *critic.biases):
        trunk[1] = config.value_coef * size**2
    for head in (critic.value_weight, critic.value_bias):
        head.fill_(config.value_coef * size)
    optimizer.renew(factor != 0, square * factor.square())
    return optimizer.to_safetensors(learning_rate)


def _features(parameters: Parameters, observations: Tensor) -> Tensor:
    """Normalised (M, O) -> what the critic's last hidden layer says (M, H)."""
    hidden = observations
    for weight, bias in zip(parameters.weights, parameters.biases, strict=True):
        hidden = torch.addmm(bias[1], hidden, weight[1]).relu()
    return hidden


def _returns(batch: Batch, value: Tensor, config: TrainConfig) -> Tensor:
    """(N,) Monte Carlo returns; V (M,) counts only where a segment is cut."""
    own = _with_values(batch, value)
    return gae(own.reward, own.value, own.next_value, own.terminated, own.segment_end, config.gamma, 1.0).returns


def _with_values(batch: Batch, value: Tensor) -> Batch:
    following = value[batch.next_row.clamp(min=0)].masked_fill(batch.terminated, math.nan)
    return replace(batch, value=value[: len(batch)], next_value=following)


def _explained(value: Tensor, targets: Tensor, rows: Tensor) -> float:
    """Share of the returns' variance; 0 where returns are all alike: there is nothing to explain."""
    share = float(loss.explained_variance(value[rows], targets[rows]))
    return share if math.isfinite(share) else 0.0
