"""Float64 oracles: a backward loop for advantages with ragged segments to run it on, and the objective. No torch."""

import math

import numpy as np


def advantages(reward, value, next_value, terminated, segment_end, gamma, lam):
    """(N,) float64, one row at a time from the end."""
    result, following = np.zeros(len(reward)), 0.0
    for row in reversed(range(len(reward))):
        future = 0.0 if terminated[row] else gamma * float(next_value[row])
        kept = 0.0 if segment_end[row] else gamma * lam * following
        following = float(reward[row]) + future - float(value[row]) + kept
        result[row] = following
    return result


def normal_log_prob(mean, log_std, actions, scale):
    """(N,) nats: the density of each action, factor by factor."""
    total = np.zeros(len(mean))
    for action in range(mean.shape[1]):
        deviation = np.exp(log_std[action]) * scale
        density = np.exp(-((actions[:, action] - mean[:, action]) ** 2) / (2 * deviation**2))
        total += np.log(density / (deviation * np.sqrt(2 * np.pi)))
    return total


def clamped_log_prob(mean, log_std, actions, scale, low, high):
    """(N,) nats: density inside the range; at its ends the probability of landing there, by the error function."""
    total = np.zeros(len(mean))
    for row, action in np.ndindex(mean.shape):
        deviation = np.exp(log_std[action]) * scale
        z = (actions[row, action] - mean[row, action]) / deviation
        if low[action] < actions[row, action] < high[action]:
            total[row] += -0.5 * z * z - np.log(deviation * np.sqrt(2 * np.pi))
        else:
            beyond = -z if actions[row, action] <= low[action] else z
            total[row] += np.log(0.5 * math.erfc(beyond / math.sqrt(2)))
    return total


def clipped_objective(log_prob, anchor, log_weight, advantage, clip):
    """What PPO maximises, row by row: Schulman et al. 2017, eq. 7 (no weights); Hilton et al. 2021, eq. 3."""
    total = 0.0
    for theta, old, weight, gain in zip(log_prob, anchor, np.exp(log_weight), advantage, strict=True):
        ratio = np.exp(theta - old)
        total += weight * min(ratio * gain, float(np.clip(ratio, 1 - clip, 1 + clip)) * gain)
    return total / len(log_prob)


def effective_sample_size(weights):
    """Kong 1992: how many rows of equal weight are worth these, as a share of them. Row by row, in float64."""
    total = squares = 0.0
    for weight in weights:
        total += float(weight)
        squares += float(weight) ** 2
    return total * total / squares / len(weights)


def ragged(seed, lengths, *, ends=0.5, scale=1.0):
    """reward, value, next_value, terminated, segment_end; next_value is NaN where terminated."""
    random, rows = np.random.default_rng(seed), int(sum(lengths))
    segment_end = np.zeros(rows, bool)
    segment_end[np.cumsum(lengths) - 1] = True
    terminated = segment_end & (random.random(rows) < ends)
    reward, value, bootstrap = (scale * random.standard_normal((3, rows))).astype(np.float32)
    next_value = np.where(segment_end, bootstrap, np.append(value[1:], 0)).astype(np.float32)
    next_value[terminated] = np.nan
    return reward, value, next_value, terminated, segment_end


CASES = {
    "one_row_terminated": (dict(lengths=[1], ends=1), 0.99, 0.95),
    "one_row_cut": (dict(lengths=[1], ends=0), 0.99, 0.95),
    "all_length_one": (dict(lengths=[1] * 257), 0.99, 0.95),
    "short_mixed": (dict(lengths=[1, 8, 3, 2, 7, 5, 1, 6] * 60), 0.99, 0.95),
    "typical": (dict(lengths=[399, 17, 250, 3, 180] * 10), 0.99, 0.95),
    "one_long_cut": (dict(lengths=[20_000], ends=0), 0.99, 0.95),
    "long_and_short": (dict(lengths=[9000, 1, 1, 3000, 2, 7, 5000]), 0.99, 0.95),
    "lambda_zero": (dict(lengths=[40, 3, 21]), 0.99, 0.0),
    "monte_carlo": (dict(lengths=[299, 50, 120] * 10), 0.99, 1.0),
    "undiscounted": (dict(lengths=[299, 50, 120] * 10), 1.0, 1.0),
    "gamma_zero": (dict(lengths=[100, 7]), 0.0, 0.95),
    "large_values": (dict(lengths=[399, 17, 250] * 10, scale=1e4), 0.99, 0.95),
    "near_one": (dict(lengths=[20_000], ends=0), 0.9999, 0.999),
}
