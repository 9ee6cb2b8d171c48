"""Predicted values against what followed, by an oracle in plain float64."""

import numpy as np
import pytest

from flows.calibrating import calibrate
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.training import TrainConfig
from schemas.window import Window
from tests.ppo.contract import leaves_files_open
from tests.reports import lakes
from tests.warehouse import rollouts

pytestmark = leaves_files_open


def test_tenths_of_predicted_values_hold_the_mean_of_discounted_returns(tmp_path):
    random = np.random.default_rng(3)
    rewards, values = random.normal(size=40), random.normal(size=40)
    experiences = [
        rollouts.experience(
            n, state=random.normal(size=15).tolist(), reward=float(rewards[n]), value=float(values[n]), done=n % 8 == 7
        )
        for n in range(40)
    ]  # fmt: skip
    config = TrainConfig(epochs=1, device="cpu", hidden=(8,), clone_epochs=1, clone_updates=1, gamma=0.5)
    with lakes.empty(tmp_path / "home") as lake:
        rollouts.write(tmp_path / "in", 0, experiences)
        bring_in(lake, [tmp_path / "in"], Reporter())
        window = train(lake, Window(), config, Reporter()).window
        found = calibrate(lake, window, config, 1)
    returns, following = np.zeros(40), 0.0
    for row in reversed(range(40)):
        following = rewards[row] + (0.0 if row % 8 == 7 else 0.5 * following)
        returns[row] = following
    order = np.argsort(values)
    before = [row for row in found.bins if row["critic"] == "before"]
    assert [row["rows"] for row in before] == [4] * 10
    assert [row["predicted"] for row in before] == pytest.approx(values[order].reshape(10, 4).mean(axis=1), abs=1e-5)
    assert [row["returned"] for row in before] == pytest.approx(returns[order].reshape(10, 4).mean(axis=1), abs=1e-5)
    assert all(row["low"] <= row["returned"] <= row["high"] for row in found.bins)
    assert sum(row["rows"] for row in found.bins if row["critic"] == "after") == 40
    assert found.bootstrapped == 0.0 and found.missing == {}
