"""Runs of a proof may be interrupted anywhere; their figures come from the lake."""

import json

import pytest

from benchmarks.proofs import course
from schemas.loop import DriveConfig, EvaluateConfig, LoopConfig, pendulum
from tests.ppo.contract import leaves_files_open

pytestmark = leaves_files_open
SMALL = LoopConfig(
    drive=DriveConfig(environment="Pendulum-v1", agents=4, steps=1024),
    train=pendulum().train.model_copy(update={"hidden": (8,), "epochs": 1}),
    evaluate=EvaluateConfig(episodes=2),
    evaluate_every=2,
)


@pytest.mark.parametrize("stage", ["loops.finish", "_entries"])
def test_a_run_interrupted_near_its_end_trains_nothing_twice(tmp_path, monkeypatch, stage):
    monkeypatch.setattr(course, "RESULTS", tmp_path / "results")
    with monkeypatch.context() as patch:
        patch.setattr(f"benchmarks.proofs.course.{stage}", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            course.run("scores", "small", SMALL, 3, 1, tmp_path / "runs")
    assert not (tmp_path / "results").exists()
    result = course.run("scores", "small", SMALL, 3, 1, tmp_path / "runs")
    assert result == course.run("scores", "small", SMALL, 3, 1, tmp_path / "nowhere")
    assert json.loads((tmp_path / "results" / "scores" / "small-1.json").read_text())["laps"] == result["laps"]
    assert [lap["lap"] for lap in result["laps"]] == [1, 2, 3]
    assert [len(lap["returns"]) for lap in result["laps"]] == [4, 4, 4]  # of 200 steps; each car drives 256 a lap
    assert [lap["evaluation"] is not None for lap in result["laps"]] == [False, True, True]
    assert all(lap["seconds"]["lap"] > lap["update_seconds"] > 0 for lap in result["laps"])


def _interrupt(*_, **__):
    raise KeyboardInterrupt
