"""Float64 oracles: a backward loop for advantages, and cases of ragged segments to run it on. No torch."""

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
