import json

import numpy as np
import pytest

from racing.collector import PRESETS, Collector
from racing.driver import Driver
from racing.environment import Environment
from racing.errors import DriveRejected
from racing.noise import Noise
from tests.ppo.contract import leaves_files_open
from tests.racing import policies

pytestmark = leaves_files_open
PENDULUM = policies.raw(3, 1)


def collector(folder, env="Pendulum-v1", agents=2, driver=PENDULUM, noise=None, **options):
    environment = Environment.open(env, agents=agents)
    options = {"steps": 64, "run_id": "run", "say": lambda line: None} | options
    return Collector(environment, Driver.read(driver), folder=folder, noise=noise or Noise.constant(1.0), **options)


def racing(folder, agents=4, steps=512, **options):
    return collector(folder, "Pitwall/Racing-v0", agents, policies.raw(), Noise(), steps=steps, **options)


def read(collected):
    return json.loads(collected.path.read_text())


def of_agent(documents, agent):
    """The rows of one agent over consecutive files."""
    return [row for document in documents for row in document["experiences"] if row["agent_index"] == agent]


def test_a_rollout_says_what_was_driven_where_and_by_whom(tmp_path):
    driver = json.dumps(policies.document(3, 1) | {"pitwall": {"version": 5}}).encode()
    document = read(collector(tmp_path, driver=driver, seed=9).collect())
    rows = document.pop("experiences")
    assert len(rows) == 64 and [row["agent_index"] for row in rows[:4]] == [0, 1, 0, 1]
    document.pop("timestamp")
    assert document == {
        "num_experiences": 64, "rollout_index": 0, "policy_version": 5, "run_id": "run", "environment": "Pendulum-v1",
        "seed": 9, "observation_names": ["00", "01", "02"], "action_names": ["00"],
    }  # fmt: skip


def test_every_row_agrees_with_the_contract_s_network(tmp_path):
    (tmp_path / "policy.json").write_bytes(policies.raw())
    network = policies.oracle(tmp_path / "policy.json")
    rows = read(racing(tmp_path / "out", steps=1024).collect())["experiences"]
    states = np.array([row["state"] for row in rows], np.float32)
    actions = np.array([list(row["action"].values()) for row in rows], np.float32)
    noise, factors = [], dict.fromkeys(range(4), 0.2)
    for row in rows:
        noise.append(factors[row["agent_index"]])
        if row["done"]:
            factors[row["agent_index"]] = max(0.05, factors[row["agent_index"]] * 0.9995)
    assert len(set(noise)) > 1
    np.testing.assert_allclose([row["value"] for row in rows], network.forward(states)[1], atol=1e-6)
    log_probs = [row["log_prob"] for row in rows]
    np.testing.assert_allclose(log_probs, network.log_prob(states, actions, np.array(noise)), atol=1e-4)


def test_agents_keep_driving_across_files_and_drivers(tmp_path):
    session = collector(tmp_path, steps=100)
    first = session.collect()
    session.driver = Driver.read(policies.raw(3, 1, seed=1))
    documents = [read(first), *(read(session.collect()) for _ in range(7))]
    assert [document["rollout_index"] for document in documents] == list(range(8))
    rows = of_agent(documents, 0)
    # Pendulum's third observation is its angular velocity: it never jumps by more than its acceleration allows
    speeds = np.array([row["state"][2] for row in rows])
    assert [at for at, row in enumerate(rows) if row["done"]] == [199, 399]
    inside = np.delete(np.abs(np.diff(speeds)), 199)
    assert inside.max() <= 0.05 * (15 + 3 * 2) + 1e-6


def test_a_time_limit_truncates_and_gives_the_value_of_the_last_observation(tmp_path):
    session = collector(tmp_path, agents=1, steps=200)
    driver, document = session.driver, read(session.collect())
    *rows, last = document["experiences"]
    assert last["done"] and last["truncated"]
    assert not any(row["done"] or "truncated" in row or "next_value" in row for row in rows)
    # the observation after the last step, by Pendulum's own equations
    cos, sin, speed = last["state"]
    torque = 2 * np.clip(last["action"]["00"], -1, 1)
    speed = np.clip(speed + (15 * sin + 3 * torque) * 0.05, -8, 8)
    angle = np.arctan2(sin, cos) + speed * 0.05
    after = np.array([[np.cos(angle), np.sin(angle), speed]], np.float32)
    assert last["next_value"] == pytest.approx(driver.forward(after)[1][0], abs=1e-5)


def test_next_values_at_the_end_of_a_file_are_the_values_of_the_next_file_s_first_rows(tmp_path):
    session = racing(tmp_path)
    first, second = read(session.collect()), read(session.collect())
    tail, head = first["experiences"][-4:], second["experiences"][:4]
    driven_on = [(row["next_value"], after["value"]) for row, after in zip(tail, head, strict=True) if not row["done"]]
    assert driven_on
    np.testing.assert_allclose(*np.array(driven_on).T, atol=1e-6)
    assert not any("next_value" in row for row in first["experiences"][:-4] if not row.get("truncated"))


def test_episodes_that_cross_files_are_counted_once_and_whole(tmp_path):
    session = racing(tmp_path, steps=256)
    collected = [session.collect() for _ in range(8)]
    documents = [read(one) for one in collected]
    returns, lengths = [], []
    for agent in range(4):
        total = steps = 0
        for row in of_agent(documents, agent):
            total, steps = total + row["reward"], steps + 1
            if row["done"]:
                returns.append(total)
                lengths.append(steps)
                total = steps = 0
    told = [pair for one in collected for pair in zip(one.lengths, one.returns, strict=True)]
    np.testing.assert_allclose(sorted(told), sorted(zip(lengths, returns, strict=True)))
    assert max(lengths) > 256 / 4 and sum(one.episodes for one in collected) == len(lengths)


def test_racing_tells_how_the_drives_went_and_what_the_reward_was_made_of(tmp_path):
    session = racing(tmp_path, agents=16, steps=2048)
    collected = session.collect()
    rows = read(collected)["experiences"]
    ends = [row for row in rows if row["done"]]
    assert collected.episodes == len(ends) > 0 and collected.finished == 0
    assert collected.crashed == sum(row["reward_terms"]["collision"] < 0 for row in rows) / len(ends)
    assert 0 < collected.mean_speed < 60
    assert collected.words().startswith(f"2,048 steps, {len(ends)} episodes, mean return ")
    assert f", 0% laps, {collected.mean_speed * 3.6:.0f} km/h, " in collected.words()
    for name, mean in collected.reward_terms.items():
        assert mean == pytest.approx(np.mean([row["reward_terms"][name] for row in rows]))
    clamped = [np.clip(sum(row["reward_terms"].values()), -3, 3) for row in rows]
    np.testing.assert_allclose([row["reward"] for row in rows], clamped, atol=1e-5)
    actions = np.array([list(row["action"].values()) for row in rows])
    assert (actions >= [-1, 0, 0]).all() and (actions <= 1).all()


def test_the_same_seed_drives_the_same_rollout(tmp_path):
    first, again, other = (
        read(racing(tmp_path / name, seed=seed).collect())["experiences"]
        for name, seed in [("a", 1), ("b", 1), ("c", 2)]
    )
    assert first == again != other


def test_exploration_shares_no_stream_with_the_environments(tmp_path):
    session = collector(tmp_path, seed=9)
    explored = session._rng.standard_normal(8)
    for seed in (9, 10):
        assert not np.isin(explored, np.random.default_rng(seed).standard_normal(64)).any()


def test_progress_ends_with_all_steps(tmp_path):
    told = []
    collector(tmp_path, steps=1000).collect(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (1000, 1000) and len(told) <= 64 and told == sorted(told)


def test_steps_that_the_agents_cannot_share_are_refused(tmp_path):
    with pytest.raises(DriveRejected, match=r"65 steps by 2 agents, wanted a multiple of the agents. Take 64 steps"):
        collector(tmp_path, steps=65)
    assert PRESETS == {"quick": 1024, "standard": 2048, "stable": 4096}


def test_a_driver_of_another_space_is_refused(tmp_path):
    session = collector(tmp_path)
    session.driver = Driver.read(policies.raw(15, 3))
    with pytest.raises(DriveRejected, match="15 observations and 3 actions, wanted 3 and 1"):
        session.collect()


def test_an_interrupted_rollout_leaves_no_file_and_ends_the_session(tmp_path):
    session = collector(tmp_path)
    session.collect()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.collect(progress=interrupt)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(DriveRejected, match=r"interrupted, so its drives have a hole. Begin a new session"):
        session.collect()


def test_noise_falls_after_an_agent_s_own_episodes_down_to_its_floor():
    noise = Noise()
    factors = noise.after(noise.first(3), np.array([True, False, True]))
    assert factors.tolist() == [0.2 * 0.9995, 0.2, 0.2 * 0.9995]
    for _ in range(3000):
        factors = noise.after(factors, np.array([True, True, True]))
    assert factors.tolist() == [0.05] * 3
    constant = Noise.constant(0.7)
    assert constant.after(constant.first(2), np.array([True, False])).tolist() == [0.7, 0.7]
    with pytest.raises(DriveRejected, match="0 < floor <= start"):
        Noise(start=0.01)
