"""`pitwall rescore` as the person types it."""

import json
from pathlib import Path

import pytest

from schemas.errors import NotRegistered, QueryRejected, SettingsRejected
from schemas.settings import Settings
from tests.pitwall.test_sql import pitwall
from tests.warehouse.scored import fill, rows
from warehouse.lake import Lake


@pytest.fixture
def home(tmp_path: Path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    fill(lake, tmp_path / "in", rows(), rows(20, reward_terms=None))
    lake.catalog.engine.dispose()
    return tmp_path / "home"


def test_a_reward_is_shown_defined_listed_and_asked_for(home: Path):
    told = pitwall(home, "rescore", "fast", "--weights", "speed=0.5", "--clamp", "5", "--note", "less [b]speed")
    assert "fast = 1 collision + 0.5 speed, clamped to +-5" in told
    assert "10 experiences of 1 rollouts have it" in told and "4 of them were clamped" in told
    assert "20 experiences of 1 rollouts left out: no reward_terms (rollout_1_20241225_140043.json ...)" in told
    assert "fast is defined. Next:" in told and told.rstrip().endswith("train --reward fast")
    assert "defined already, just so" in pitwall(home, "rescore", "fast", "--weights", "speed=.5", "--clamp", "5")
    assert "less [b]speed" in pitwall(home, "rescore", "--list")
    assert "recorded" in pitwall(home, "rescore", "--show", "fast")
    (listed,) = json.loads(pitwall(home, "rescore", "--list", "--json"))
    assert (listed["weights"], listed["versions"]) == ({"collision": 1.0, "speed": 0.5}, [])
    best = json.loads(pitwall(home, "ask", "best-episodes", "--reward", "fast", "--format", "json"))
    assert [row["return"] for row in best] == [0 + 1 + 2 + 3 + 4 + 5 + 5 + 5 + 5 + 5]
    assert "reward fast: 1 collision" in pitwall(home, "window", "--reward", "fast")
    assert "fast" in pitwall(home, "sql", "--reward", "fast", "select name from rewards")


def test_a_dry_run_defines_nothing(home: Path):
    assert "Nothing is defined" in pitwall(home, "rescore", "fast", "--weights", "speed=2", "--only", "--dry")
    assert "No reward is defined" in pitwall(home, "rescore", "--list")
    compared = json.loads(pitwall(home, "rescore", "x", "--sql", "reward * 2", "--dry", "--json"))
    assert compared["new"]["max"] == 2 * compared["old"]["max"] and compared["left_out"] == []


@pytest.mark.parametrize(
    ("arguments", "error", "answer"),
    [
        ([], SettingsRejected, "wanted a name and either --weights or --sql"),
        (["fast"], SettingsRejected, "wanted a name and either"),
        (["fast", "--weights", "speed=1", "--sql", "reward"], SettingsRejected, "wanted a name and either"),
        (["fast", "--sql", "reward", "--only"], SettingsRejected, "--only belongs to --weights"),
        (["Fast", "--weights", "speed=1"], SettingsRejected, "name: String should match pattern"),
        (["fast", "--weights", "speed"], SettingsRejected, "wanted TERM=FACTOR"),
        (["fast", "--weights", "speed=much"], SettingsRejected, "wanted TERM=FACTOR"),
        (["fast", "--weights", "speed=nan"], SettingsRejected, "weights.speed: Input should be a finite number"),
        (["fast", "--weights", "speed=1,SPEED=2"], SettingsRejected, "names SPEED twice"),
        (["fast", "--weights", "speed=1", "--clamp", "-1"], SettingsRejected, "clamp: Input should be greater than 0"),
        (["fast", "--weights", "sped=1"], QueryRejected, "no rollout has the reward term 'sped'"),
        (["fast", "--sql", "avg(reward)"], QueryRejected, "avg is refused"),
        (["--show", "fast"], NotRegistered, "there is no reward 'fast'; none is defined"),
    ],
)
def test_wrong_usage_is_answered_with_what_is_possible(home: Path, arguments: list[str], error: type, answer: str):
    with pytest.raises(error, match=answer):
        pitwall(home, "rescore", *arguments)


def test_a_reward_that_is_not_there_is_named_wherever_it_is_chosen(home: Path):
    for words in (["train"], ["window"], ["ask", "health"], ["sql", "from runs"]):
        with pytest.raises(NotRegistered, match="there is no reward 'slow'; none is defined"):
            pitwall(home, *words, "--reward", "slow")
    with pytest.raises(SettingsRejected, match="reward: String should match pattern"):
        pitwall(home, "window", "--reward", "No Such")
