"""The gradient of the objective by hand: one minibatch, no autograd, few operators.

Arrives: parameters and a minibatch. Leaves: the gradient, written in place, and what the network said of the rows.
`ppo.loss` is the objective as the papers write it, and what figures are made of; here are its derivatives, checked
against autograd over it in float64 (tests/ppo/test_gradient.py). For row i and action u, with noise n_i,
precision p_u = exp(-log_std_u), weighted advantage A_i = weight_i * advantage_i and B rows:

    z_iu        = (a_iu - mean_iu) / n_i * p_u
    log r_i     = constant_i + sum_u g(z_iu)         g: -z^2 / 2 - log_std_u, or log Phi(c z) at a clamp c = +-1
    L           = -1/B sum_i min(r_i A_i, clip(r_i) A_i) + value_coef V - entropy_coef sum_u log_std_u
    dL / d log r_i    = -1/B r_i A_i                 0 where the clipped term is smaller, or log r_i is cut
    dL / d mean_iu    = dL / d log r_i * g'(z_iu) * (-p_u / n_i)             g': -z, or c phi(c z) / Phi(c z)
    dL / d log_std_u  = sum_i dL / d log r_i * (g'(z_iu) * (-z_iu) - [not at a clamp]) - entropy_coef
    V           = 1/2B sum_i max((v_i - R_i)^2, (near_i - R_i)^2)            near: v_i within value_clip of the recorded
    dV / d v_i        = 1/B (v_i - R_i)              where the second term is larger: of near, 0 where it is cut

(Schulman et al. 2017, eq. 7; Hilton et al. 2021, eq. 3; phi, Phi: density and distribution of the standard normal.)
`ppo.backprop` takes it from mean and value to the weights. Legend: B rows, O observations, U actions.
"""

import torch
from torch import Tensor

from ppo import loss
from ppo.backprop import Backprop
from ppo.minibatch import Minibatch
from ppo.policy import Parameters
from schemas.policy_file import Mean
from schemas.training import TrainConfig


class Gradient:
    """Of `parameters`, into `gradients`: the same views of another flat tensor."""

    def __init__(
        self, parameters: Parameters, gradients: Parameters, config: TrainConfig, activation: Mean, *, mass: bool
    ) -> None:
        """`mass`: actions at a clamp count by the mass beyond it."""
        self.parameters, self.gradients, self.config, self.mass = parameters, gradients, config, mass
        self.backprop = Backprop(parameters, gradients, activation)

    @torch.no_grad()
    def __call__(self, rows: Minibatch) -> tuple[Tensor, Tensor]:
        """Writes the gradient; -> (B,) log pi_theta / pi_anchor, (B,) value, of before the step."""
        log_std = self.parameters.log_std
        mean, value = self.backprop.forward(rows.observations)
        precision = torch.exp(-log_std)
        z = torch.addcmul(rows.scaled_actions, mean, rows.inverse_noise, value=-1).mul_(precision)
        log_ratio = rows.constant + loss.summed(z, log_std, rows.clamped if self.mass else None)
        of_log_ratio = self._of_log_ratio(log_ratio, rows.gain)
        score = self._score(z, rows.clamped).mul_(of_log_ratio[:, None])
        inside = of_log_ratio.sum() if not self.mass else torch.mv((rows.clamped == 0).to(z).T, of_log_ratio)
        torch.sum(score * z, 0, out=self.gradients.log_std)
        self.gradients.log_std.add_(inside).neg_().sub_(self.config.entropy_coef)
        of_mean = score.mul_(rows.inverse_noise).mul_(precision.neg_())
        self.backprop.backward(rows.observations, mean, of_mean, self._of_value(value, rows.value, rows.returns))
        return log_ratio, value

    def _of_log_ratio(self, log_ratio: Tensor, gain: Tensor) -> Tensor:
        limit, clip = loss.LOG_RATIO_MAX, self.config.clip
        ratio = log_ratio.clamp(-limit, limit).exp_()
        surrogate, clipped = ratio * gain, ratio.clamp(1 - clip, 1 + clip).mul_(gain)
        surrogate.masked_fill_(surrogate > clipped, 0).div_(-len(gain))  # what is not a number stays so
        return _within(surrogate, log_ratio, limit)

    def _score(self, z: Tensor, clamped: Tensor) -> Tensor:
        """g'(z), (B, U)."""
        if not self.mass:
            return -z
        beyond = clamped * z
        hazard = (-0.5 * beyond.square() - loss.HALF_LOG_2PI - torch.special.log_ndtr(beyond)).exp_().mul_(clamped)
        return torch.where(clamped == 0, -z, hazard)

    def _of_value(self, value: Tensor, recorded: Tensor, returns: Tensor) -> Tensor:
        error, clip = value - returns, self.config.value_clip
        if clip is not None:
            moved = value - recorded
            near = moved.clamp(-clip, clip).add_(recorded).sub_(returns)
            cut = _within(near, moved, clip)
            error = torch.where(near.square() > error.square(), cut, error)
        return error.mul_(self.config.value_coef / len(value))


def _within(slope: Tensor, moved: Tensor, limit: float) -> Tensor:
    """The slope where `moved` is inside +-limit, else 0."""
    inside: Tensor = torch.ops.aten.hardtanh_backward(slope, moved, -limit, limit)
    return inside
