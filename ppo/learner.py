"""One update of PPO: a window and the policy that it starts from become the next policy.

Arrives: `Policy`, `Batch`, `TrainConfig`, perhaps the optimizer's state. Leaves: `Trained`. What arrived is not
changed: an error or Ctrl-C half-way leaves nothing behind. Same inputs on a CPU, same bits. Several processes share an
update by minibatches (`ppo.group`): they come to the same but for the order of sums.
Legend: N rows, B rows of a minibatch, U actions.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ppo import loss
from ppo.batch import Batch
from ppo.device import one_thread_if_small, repeatable
from ppo.estimate import Estimate
from ppo.fusing import Fused
from ppo.gae import gae
from ppo.group import ALONE, Group
from ppo.minibatch import Minibatch, figures, in_minibatches, standardised
from ppo.normaliser import Normaliser
from ppo.policy import Policy, forward, views
from ppo.recording import Recorded, recorder_for
from ppo.reference import Reference
from ppo.return_scale import ReturnScale
from ppo.sources import Source, judge
from ppo.step import Step, Told
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after each epoch with its number from 1, the number of epochs and the epoch's metrics."""


@dataclass(frozen=True)
class Trained:
    """What an update leaves."""

    policy: Policy
    optimizer_state: bytes
    metrics: dict[str, Any]
    """Plain numbers, lists and dicts; `epochs` holds the curves, `sources` each behaviour policy's distance."""
    sources: tuple[Source, ...]
    """The batch's rows by behaviour policy, as the gates judged them."""


def train(
    policy: Policy,
    batch: Batch,
    config: TrainConfig,
    optimizer_state: bytes | None = None,
    progress: Progress | None = None,
    collectors: Mapping[int, Policy] | None = None,
    group: Group = ALONE,
) -> Trained:
    """Trains a copy of `policy`; raises TrainingStopped on a loss that is not finite, with the rows' addresses.

    `collectors` are the behaviour policies by version, where they are known; see `ppo.reference`. The processes of a
    `group` call this with the same arguments, and get the same.
    """
    device = batch.observations.device
    if config.noise == "ignored":
        batch = replace(batch, noise_scale=torch.ones_like(batch.noise_scale))
    with one_thread_if_small(config.batch_size // group.size), repeatable(device):
        started = time.perf_counter()
        policy = start(policy, batch, config)
        run = _Run(policy, batch, config, collectors or {}, group)
        optimizer, rate = run.step.adam, run.step.rate
        if optimizer_state is not None:
            restored = optimizer.restore(optimizer_state)
            if config.lr_schedule == "adaptive":
                rate.fill_(restored)
        curves: list[dict[str, float]] = []
        for epoch in range(config.epochs):
            if epoch and config.recompute_advantages:
                run.estimate()
            curves.append(run.epoch(epoch))
            if progress is not None:
                progress(epoch + 1, config.epochs, curves[-1])
            if config.target_kl and config.lr_schedule != "adaptive" and curves[-1]["kl"] > 1.5 * config.target_kl:
                break
        group.check_alike(weights=run.flat, first_moments=optimizer.first, second_moments=optimizer.second)
        trained = replace(policy, flat=run.flat.detach().cpu().clone())
        metrics = run.summary(curves) | {"seconds": time.perf_counter() - started, "device": str(device)}
        return Trained(trained, optimizer.to_safetensors(float(rate)), metrics, tuple(run.sources))


def start(policy: Policy, batch: Batch, config: TrainConfig) -> Policy:
    """The policy with its normaliser and return scale moved to the new rows, as far as the configuration has them.

    First layers and value head move against them: the function stays.
    """
    if config.normalise_observations:
        policy = _normalised(policy, batch)
    if config.scale_returns:
        policy = _scaled(policy, batch.value, _gae(batch, batch.value, batch.next_value, config).returns)
    return policy


def _normalised(policy: Policy, batch: Batch) -> Policy:
    old = policy.normaliser or Normaliser.identity(policy.observations)
    new = old.seen(batch.observations[: len(batch)])
    flat = policy.flat.clone()
    parameters = views(flat, policy.sizes, policy.actions)
    weights, biases = parameters.weights[0], parameters.biases[0]
    for moved, first in zip(old.moved(weights, biases, new), (weights, biases), strict=True):
        first.copy_(moved)
    return replace(policy, flat=flat, normaliser=new)


def _scaled(policy: Policy, value: Tensor, returns: Tensor) -> Policy:
    old = policy.return_scale or ReturnScale.identity()
    new = old.seen(value, returns)
    flat = policy.flat.clone()
    parameters = views(flat, policy.sizes, policy.actions)
    for head in (parameters.value_weight, parameters.value_bias):
        head.mul_(old.unit / new.unit)
    return replace(policy, flat=flat, return_scale=new)


def _gae(batch: Batch, value: Tensor, next_value: Tensor, config: TrainConfig) -> Estimate:
    return gae(batch.reward, value, next_value, batch.terminated, batch.segment_end, config.gamma, config.gae_lambda)


class _Run:
    """The tensors of one update."""

    def __init__(
        self, policy: Policy, batch: Batch, config: TrainConfig, collectors: Mapping[int, Policy], group: Group
    ) -> None:
        self.batch, self.config, self.policy, self.group = batch, config, policy, group
        self.flat = policy.flat.to(batch.observations.device, copy=True)
        self.parameters = views(self.flat, policy.sizes, policy.actions)
        self.log_std = self.parameters.log_std
        observations = batch.observations
        self.observations = observations if policy.normaliser is None else policy.normaliser(observations)
        with torch.no_grad():
            mean, _ = self._forward(self.observations[: len(batch)])
            # The engine's bounds hold from the first step on; the proximal policy is the one that arrived.
            self.reference = Reference.of(policy, mean, batch, config, collectors)
        made = Fused if config.compile else Step
        self.step = made(policy, self.flat, config, group, mass=self.reference.clamped is not None)
        record = recorder_for(self.flat.device) if group.size == 1 else None  # a sum over processes is not recorded
        self.take = Recorded(self.step, record) if record else self.step
        self.sources = judge(self.reference.log_weight, batch, config)
        self.kept = torch.cat([source.rows for source in self.sources if source.trusted] or [batch.version[:0]])
        if not len(self.kept):
            raise TrainingStopped(_all_gated(self.sources))
        smallest = len(self.kept) // math.ceil(len(self.kept) / config.batch_size)
        if smallest < group.size:
            raise TrainingStopped(
                f"a minibatch has {smallest} rows for {group.size} processes, wanted one for each. Take fewer processes"
            )
        self.kept = self.kept.sort().values
        log_weight = self.reference.log_weight if config.objective == "decoupled" else torch.zeros_like(batch.reward)
        self.weight = loss.behaviour_weight(log_weight, config.weight_cap)
        self.value = batch.value
        self.estimated = _gae(batch, self.value, batch.next_value, config)
        self.recorded = self.estimated.returns
        self.first: Tensor | None = None
        self.in_gradient = 0
        """Rows that gradients were taken of, all epochs together."""

    def _forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised (N, O) -> mean (N, U), value (N,) in units of reward."""
        mean, value = forward(self.parameters, observations, self.policy.mean)
        return mean, value * self.policy.unit

    @torch.no_grad()
    def estimate(self) -> None:
        """Advantages and returns of the current critic, where the window holds the next observation."""
        _, value = self._forward(self.observations)
        inside = self.batch.next_row >= 0
        self.value = value[: len(self.batch)]
        next_value = torch.where(inside, value[self.batch.next_row.clamp(min=0)], self.batch.next_value)
        self.estimated = _gae(self.batch, self.value, next_value, self.config)

    @torch.no_grad()
    def epoch(self, epoch: int) -> dict[str, float]:
        """Every kept row once; returns the epoch's means over minibatches."""
        rate, config, count = self.step.rate, self.config, math.ceil(len(self.kept) / self.config.batch_size)
        order = self.kept[permutation(len(self.kept), config.seed, epoch).to(self.kept.device)]
        columns = self._ordered(order, count)
        told, log_stds = list[Told](), list[Tensor]()
        sizes = [len(rows) for rows in order.tensor_split(count)]
        shares = zip(*(self.group.shares(column, sizes) for column in columns), strict=True)
        for at, (size, rows) in enumerate(zip(sizes, shares, strict=True)):
            if config.lr_schedule == "linear":
                rate.fill_(config.learning_rate * (1 - (epoch * count + at) / (config.epochs * count)))
            log_stds.append(self.log_std.clone())
            told.append(self.take(Minibatch(*rows), size))
        log_ratios, values, norms = zip(*told, strict=True)
        log_ratio, value = (self.group.whole(column, sizes) for column in (log_ratios, values))
        self.in_gradient += len(log_ratio)
        if self.first is None:
            first = order[: sizes[0]]
            self.first = (log_ratio[: sizes[0]] + self.reference.provable[first] - self.batch.log_prob[first]).exp()
        told_of = figures(columns, log_ratio, value, torch.stack(log_stds), config)
        table = torch.cat([told_of, torch.stack(norms)[:, None]], 1).cpu()
        if not table.isfinite().all():
            at = int((~table.isfinite()).any(dim=1).nonzero()[0])
            found = order.tensor_split(count)[at].sort().values
            raise TrainingStopped(
                f"epoch {epoch + 1}, minibatch {at + 1}: loss {table[at, 0]:.3g}, gradient norm {table[at, -1]:.3g}. "
                f"The policy is unchanged. Rows: {self.batch.where(found)}. Look at them, or lower the learning rate"
            )
        names = ("loss", "policy_loss", "value_loss", "kl", "clip_fraction", "grad_norm")
        means = dict(zip(names, table.double().mean(dim=0).tolist(), strict=True))
        share = _share(log_ratio + self.weight[order].log())
        entropy = float(loss.entropy(self.log_std))
        return means | {"effective_sample_size": share, "entropy": entropy, "learning_rate": float(rate)}

    def _ordered(self, order: Tensor, count: int) -> Minibatch:
        batch, config, unit = self.batch, self.config, self.policy.unit
        noise, advantage = batch.noise_scale[order], self.estimated.advantage[order] / unit
        if config.advantage_normalisation == "minibatch":
            advantage = torch.cat([standardised(part).flatten() for part in in_minibatches(advantage, count)])
        elif config.advantage_normalisation == "batch":
            # Where every row is kept, the moments came with the estimates.
            everything = len(order) == len(batch)
            moments = (self.estimated.deviation / unit, self.estimated.mean / unit) if everything else None
            advantage = standardised(advantage, moments)
        clamped = batch.clamped[order]
        drawn = batch.actions.shape[1] if self.reference.clamped is None else (clamped == 0).sum(1)
        constant = -drawn * (noise.log() + loss.HALF_LOG_2PI) - self.reference.anchor[order]
        return Minibatch(
            observations=self.observations[order],
            scaled_actions=batch.actions[order] / noise[:, None],
            inverse_noise=noise.reciprocal()[:, None],
            clamped=clamped,
            constant=constant,
            gain=self.weight[order] * advantage,
            returns=self.estimated.returns[order] / unit,
            value=self.value[order] / unit,
        )

    @torch.no_grad()
    def summary(self, curves: list[dict[str, float]]) -> dict[str, Any]:
        """The update in numbers. The first ratios are to the behaviour policy: 1 on fresh data.

        `effective_sample_size` is that of pi_theta / pi_behaviour: of the whole window at the end, and in `epochs` of
        the ratios as gradients met them. It falls from 1 as the policy leaves the data.
        """
        batch = self.batch
        assert self.first is not None
        first = self.first.cpu().double()
        mean, value = self._forward(self.observations[: len(batch)])
        now = loss.log_prob(mean, self.log_std, batch.actions, batch.noise_scale, self.reference.clamped)
        before = self.reference.density if self.reference.clamped is None else self.reference.anchor
        log_ratio, cap = (now - before)[self.kept], math.log(self.config.weight_cap)
        return {
            "rows": len(batch),
            "rows_trained": len(self.kept),
            "rows_in_gradient": self.in_gradient / len(curves),
            "counts": dict(batch.counts),
            "first_ratio_mean": float(first.mean()),
            "first_ratio_deviation": float((first - 1).abs().max()),
            "kl": float(loss.approximate_kl(log_ratio)),
            "clip_fraction": float(loss.clip_fraction(log_ratio.exp(), self.config.clip)),
            "effective_sample_size": _share(log_ratio + self.reference.log_weight.clamp(max=cap)[self.kept]),
            "explained_variance_before": float(loss.explained_variance(batch.value, self.recorded)),
            "explained_variance": float(loss.explained_variance(value, self.recorded)),
            "entropy": float(loss.entropy(self.log_std)),
            "std": self.log_std.exp().tolist(),
            "return_mean": float(self.recorded.mean()),
            "advantage_std": float(self.estimated.deviation),
            "updates": len(curves) * math.ceil(len(self.kept) / self.config.batch_size),
            "learning_rate": curves[-1]["learning_rate"],
            "stopped_early": len(curves) < self.config.epochs,
            "sources": [source.metrics() for source in self.sources],
            "epochs": curves,
        }


def permutation(rows: int, seed: int, epoch: int) -> Tensor:
    """Order of rows, a function of (seed, epoch) only."""
    # An odd multiplier keeps (seed, epoch) pairs apart; the generator mixes the bits.
    generator = torch.Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + epoch) % 2**63)
    return torch.randperm(rows, generator=generator)


def _share(log_weight: Tensor) -> float:
    return float(loss.effective_sample_size(log_weight.cpu().double()))


def _all_gated(sources: list[Source]) -> str:
    closed = "; ".join(f"version {source.name}: {source.reason}" for source in sources)
    return f"window: every source version is too far from the policy at the start ({closed}). Select fresher rollouts"
