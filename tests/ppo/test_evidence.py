"""Both roots of a row and the one that an episode shares, against bisection in plain floats."""

import math

import numpy as np
import pytest

from ppo.evidence import Evidence
from ppo.network import Prediction
from ppo.noise import solve_episode


def said(actions, scale, recorded=np.float64):
    """By rows (N, U) of a policy of mean 0 and standard deviation 1, drawn with `scale` times that."""
    actions = np.array(actions, np.float64)
    rows, width = actions.shape
    log_prob = (-0.5 * np.square(actions / scale) - np.log(scale) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    log_prob = log_prob.astype(recorded).astype(np.float64)
    zero, off = np.zeros_like(actions), np.full_like(actions, 1e-6)
    prediction = Prediction(zero, off, np.zeros(rows), np.zeros(rows))
    return Evidence.of(actions, log_prob, prediction, np.zeros(width), np.zeros(rows, np.int64))


def bisected(q, c, width, low, high):
    """The log s between two bounds, on either side of which c lies."""

    def off(log_scale):
        return -q / 2 * math.exp(-2 * log_scale) - width * log_scale - c

    rising = off(low) < 0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (off(middle) < 0) == rising else (low, middle)
    return low


@pytest.mark.parametrize("scale", [1e-3, 0.05, 0.2, 1.0, 30.0])
def test_a_row_has_one_root_on_either_side_of_the_double_root(scale):
    distance = np.array([1e-6, 0.01, 0.5, 0.9, 1.1, 2.0, 5.0, 12.0])  # of the action, in deviations with noise
    evidence = said(scale * distance[:, None] * np.ones(3), scale)
    for q, c, roots in zip(evidence.q, evidence.c, evidence.roots, strict=True):
        double = 0.5 * math.log(q / 3)
        assert roots[0] == pytest.approx(bisected(q, c, 3, double - 6, double), rel=1e-12, abs=1e-12)
        assert roots[1] == pytest.approx(bisected(q, c, 3, double, double + 100), rel=1e-12, abs=1e-12)
    assert np.abs(evidence.roots - np.log(scale)).min(axis=1).max() < 1e-12


def test_an_action_one_deviation_away_has_a_double_root():
    assert said([[1.0, 1.0, 1.0]], scale=1.0).roots == pytest.approx(np.zeros((1, 2)), abs=1e-7)


def test_the_rows_of_an_episode_share_one_root_and_a_bad_one_outvotes_nobody():
    evidence = said(0.3 * np.random.default_rng(0).standard_normal((50, 3)), scale=0.3)
    solution = solve_episode(evidence)
    assert (solution.scale, solution.rivals) == (pytest.approx(0.3, rel=1e-12), ())
    evidence.c[7] += 1.0
    assert solve_episode(evidence).scale == pytest.approx(0.3, rel=1e-12)


def test_a_row_alone_has_a_rival_and_takes_the_one_that_is_expected():
    evidence = said([[0.1, 0.2, 0.3]], scale=0.1)
    solution = solve_episode(evidence)
    both = sorted([solution.scale, *solution.rivals])
    assert both == pytest.approx(np.exp(evidence.roots[0]), rel=1e-12)
    assert both[0] == pytest.approx(0.1, rel=1e-12)
    for root in both:
        assert solve_episode(evidence, expected=1.01 * root).scale == pytest.approx(root, rel=1e-12)


def test_a_density_beyond_all_numbers_has_a_root_that_is_not():
    evidence = said([[100.0, 0.0, 0.0]], scale=1.0)  # log_prob -5003: an upper root of e^1667
    assert evidence.roots[0, 0] == pytest.approx(0.0, abs=1e-12)
    solution = solve_episode(evidence)
    assert (solution.scale, solution.rivals) == (pytest.approx(1.0, rel=1e-12), ())


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_rows_of_such_densities_leave_the_errors_of_the_others_as_they_are(share):
    near = 0.3 * np.random.default_rng(1).standard_normal((40, 3))
    far = np.tile([[30.0, 0.0, 0.0]], (round(40 * share), 1)) * np.linspace(1, 2, round(40 * share))[:, None]
    alone, beside = (said(rows, 0.3, np.float32) for rows in (near, np.concatenate([near, far])))
    assert far[0, 0] ** 2 / 0.09 / 2 > 2100  # so that its upper root passes the largest number
    assert beside.error[:40] == pytest.approx(alone.error, rel=0.2)
    assert np.isfinite(beside.error).all()
