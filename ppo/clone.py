"""A start where nobody knows who drove: a policy that does what the recorded one did.

Arrives: a batch of unknown authors. Leaves: a policy whose actor fits the recorded actions by likelihood and whose
critic fits the recorded values, and how well both do on rows that they never saw. PPO then goes on from it with the
recorded log-probs as behaviour. The noise factor is unknown too, so it ends up in the standard deviation.
Legend: N rows, B rows of a minibatch, U actions.
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
from ppo.device import one_thread_if_small, repeatable
from ppo.learner import permutation
from ppo.normaliser import Normaliser
from ppo.policy import Policy, forward, views
from ppo.return_scale import ReturnScale
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig

HELD_OUT = 0.1
"""Share of rows, in whole segments, that the fit is judged by."""
BATCH = 256
"""Rows in a minibatch of the fit."""


@dataclass(frozen=True)
class Cloned:
    """A start, and how far it may be trusted."""

    policy: Policy
    metrics: dict[str, float]
    """held_out_rows; held_out_log_likelihood (nats a row); held_out_value_error (share of the values' variance that is
    left, 0 is perfect); held_out_ratio_median and _effective_sample_size of pi_clone / pi_behaviour."""


def clone(batch: Batch, config: TrainConfig, progress: Callable[[int, int], None] | None = None) -> Cloned:
    """Fits a fresh policy of `config.hidden`; raises TrainingStopped when the fit is not finite."""
    policy = Policy.fresh(batch.observations.shape[1], batch.actions.shape[1], config.hidden, config.seed,
                          mean=config.mean, initial_std=config.initial_std)  # fmt: skip
    if config.normalise_observations:
        seen = Normaliser.identity(policy.observations).seen(batch.observations[: len(batch)])
        policy = replace(policy, normaliser=seen)
    if config.scale_returns:
        policy = replace(policy, return_scale=ReturnScale.identity().seen(batch.value))
    train_rows, held_out = split(batch, config.seed)
    with one_thread_if_small(BATCH), repeatable(batch.reward.device):
        flat = _fit(policy, batch, config, train_rows, held_out, progress)
    fitted = replace(policy, flat=flat.cpu())
    metrics = _judge(fitted.to(batch.observations.device), batch, held_out)
    if not all(math.isfinite(value) for value in metrics.values()):
        raise TrainingStopped(
            f"clone: the fit is not finite ({metrics}). Lower clone_learning_rate, or import the policy"
        )
    return Cloned(fitted, metrics)


def _fit(
    policy: Policy,
    batch: Batch,
    config: TrainConfig,
    rows: Tensor,
    held_out: Tensor,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    """The weights of the epoch that did best on the rows held out, with the deviation of its errors there."""
    flat = policy.flat.to(batch.observations.device, copy=True)
    gradient = torch.zeros_like(flat)
    parameters, gradients = (views(tensor, policy.sizes, policy.actions) for tensor in (flat, gradient))
    backprop, optimizer = Backprop(parameters, gradients, policy.mean), Adam(flat, config.adam_eps)
    rate = flat.new_tensor(config.clone_learning_rate)
    observations = batch.observations if policy.normaliser is None else policy.normaliser(batch.observations)
    recorded = batch.value / policy.unit
    spread = recorded[rows].var(correction=0).clamp(min=1e-6)
    error = batch.actions[rows].var(dim=0, correction=0)
    count = math.ceil(len(rows) / BATCH)
    epochs = max(config.clone_epochs, math.ceil(config.clone_updates / count))
    best, best_score = flat.clone(), float("inf")
    for epoch in range(epochs):
        order = rows[permutation(len(rows), config.seed, epoch).to(rows.device)]
        for at, chosen in enumerate(order.tensor_split(count)):
            rate.fill_(config.clone_learning_rate * (1 - (epoch * count + at) / (epochs * count)))
            # The likeliest deviation is the error's own: a closed form, followed slowly instead of learned.
            parameters.log_std.copy_(0.5 * error.log()).clamp_(config.log_std_min, config.log_std_max)
            mean, value = (output.requires_grad_() for output in backprop.forward(observations[chosen]))
            density = loss.log_prob(mean, parameters.log_std, batch.actions[chosen], batch.noise_scale[chosen])
            critic = loss.value_loss(value, value, recorded[chosen], None) / spread
            total = critic - density.mean()
            of_mean, of_value = torch.autograd.grad(total, (mean, value))
            backprop.backward(observations[chosen], mean.detach(), of_mean, of_value)
            optimizer.step(gradient, rate, max_norm=10.0)
            error.lerp_((batch.actions[chosen] - mean.detach()).square().mean(0), 0.02)
        with torch.no_grad():
            mean, value = forward(parameters, observations[held_out], policy.mean)
            unseen = (batch.actions[held_out] - mean).square().mean(0).clamp(min=1e-8)
            parameters.log_std.copy_(0.5 * unseen.log()).clamp_(config.log_std_min, config.log_std_max)
            misfit = loss.value_loss(value, value, recorded[held_out], None) / spread
            score = float(0.5 * unseen.log().sum() + misfit)  # minus the log-likelihood, up to a constant
        if score < best_score:
            best, best_score = flat.clone(), score
        if progress is not None:
            progress(epoch + 1, epochs)
    return best


def split(batch: Batch, seed: int) -> tuple[Tensor, Tensor]:
    """Rows to fit and rows to judge by: neighbours in time are alike, so whole segments are held out."""
    segment = torch.cumsum(batch.segment_end.long(), 0) - batch.segment_end.long()
    count = int(segment[-1]) + 1
    if count < 2:  # one segment: its end is held out
        segment = (torch.arange(len(batch), device=segment.device) * 10) // len(batch)
        count = int(segment[-1]) + 1
    sizes = segment.bincount(minlength=count).cpu()
    order = permutation(count, seed, 0)
    wanted = int((sizes[order].cumsum(0) < HELD_OUT * len(batch)).sum()) + 1
    out = torch.zeros(count, dtype=torch.bool)
    out[order[: min(wanted, count - 1)]] = True
    held = out.to(segment.device)[segment]
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def _judge(policy: Policy, batch: Batch, rows: Tensor) -> dict[str, float]:
    if not len(rows):
        rows = torch.arange(len(batch), device=batch.reward.device)
    mean, value = policy(batch.observations[rows])
    log_std = policy.parameters.log_std
    density = loss.log_prob(mean, log_std, batch.actions[rows], torch.ones_like(batch.reward[rows]))
    log_ratio = density - batch.log_prob[rows]
    spread = batch.value[rows].var(correction=0).clamp(min=1e-6)
    return {
        "held_out_rows": len(rows),
        "held_out_log_likelihood": float(density.mean()),
        "held_out_value_error": float((value - batch.value[rows]).square().mean() / spread),
        "held_out_ratio_median": float(log_ratio.median().exp()),
        "held_out_effective_sample_size": float(loss.effective_sample_size(log_ratio)),
    }
