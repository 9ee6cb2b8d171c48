"""Gymnasium's own checks and conventions, and how drives end."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import racing
from racing.env import RacingEnv
from racing.reward import TERMS
from racing.track import TEST_TRACKS
from racing.vector_env import RacingVectorEnv
from racing.world import ACTION_HIGH, ACTION_LOW, PATIENCE

INFOS = ("progress", "finished", "crashed", "stuck", "speed", "x", "y", "track")


def towards_the_free_side(seen):
    """Steers by the slanting rays, brakes by the one ahead: what a person would write first."""
    speed, wanted = 45 * seen[:, 0], 6 + 6 * seen[:, 4]
    steer = 1.5 * (seen[:, 8] - seen[:, 7]) - 0.5 * seen[:, 1]
    return np.stack([steer, (wanted - speed) / 2, (speed - wanted - 1) / 3], 1).astype(np.float32)


def test_the_environment_passes_gymnasium_s_checker():
    check_env(gymnasium.make(racing.ENVIRONMENT).unwrapped, skip_render_check=True)


def test_many_cars_come_from_make_vec():
    cars = gymnasium.make_vec(racing.ENVIRONMENT, num_envs=3, vectorization_mode="vector_entry_point", lidar=8)
    assert isinstance(cars.unwrapped, RacingVectorEnv)
    assert cars.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = cars.reset(seed=1)
    assert observations.shape == (3, 23) and observations in cars.observation_space
    cars.close()


def test_many_cars_are_what_gymnasium_s_vector_of_single_cars_is():
    ours = RacingVectorEnv(4, tracks=[3, 5], time_limit=25)
    theirs = SyncVectorEnv(
        [lambda: RacingEnv(tracks=[3, 5], time_limit=25)] * 4, autoreset_mode=AutoresetMode.SAME_STEP
    )
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(ours.reset(seed=7)[0], theirs.reset(seed=7)[0])
    ends = np.zeros(2, int)
    for _ in range(120):
        actions = rng.uniform(ACTION_LOW, [1, 1, 0.2], (4, 3)).astype(np.float32)
        mine, peer = ours.step(actions), theirs.step(actions)
        for one, other in zip(mine[:4], peer[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        ends += mine[2].sum(), mine[3].sum()
        for car in np.flatnonzero(mine[2] | mine[3]):
            np.testing.assert_array_equal(mine[4]["final_obs"][car], peer[4]["final_obs"][car])
            final, wanted = mine[4]["final_info"], peer[4]["final_info"]
            for name in INFOS:
                assert final[name][car] == wanted[name][car] == mine[4][name][car], name
            for name in TERMS:
                assert final["reward_terms"][name][car] == wanted["reward_terms"][name][car], name
        for name in ("_final_obs", "_final_info"):
            np.testing.assert_array_equal(mine[4].get(name, False), peer[4].get(name, False))
    assert (ends > 2).all()


def test_a_car_among_many_drives_as_it_would_alone():
    many, alone = RacingVectorEnv(9, lidar=4), RacingVectorEnv(1, lidar=4)
    assert (many.reset(seed=100)[0][5] == alone.reset(seed=105)[0][0]).all()
    rng = np.random.default_rng(1)
    for _ in range(150):
        actions = rng.uniform(ACTION_LOW, ACTION_HIGH, (9, 3)).astype(np.float32)
        among, single = many.step(actions), alone.step(actions[5:6])
        for one, other in zip(among[:4], single[:4], strict=True):
            np.testing.assert_array_equal(one[5], other[0])


def test_the_same_seed_is_the_same_drive_and_no_seed_goes_on():
    cars = RacingVectorEnv(3)
    first, second, third = (cars.reset(seed=seed)[0] for seed in (4, None, np.int64(4)))
    assert (first == third).all() and (first != second).any(1).all()


def test_a_simple_driver_finishes_laps_on_tracks_it_has_never_seen():
    cars = RacingVectorEnv(len(TEST_TRACKS), tracks=TEST_TRACKS, start="line")
    seen, _ = cars.reset(seed=0)
    finished = np.zeros(len(TEST_TRACKS), bool)
    for _ in range(600):
        seen, _, terminated, truncated, infos = cars.step(towards_the_free_side(seen))
        assert not terminated.any() and infos["finished"][truncated].all()
        finished |= truncated
        if finished.all():
            break
    assert finished.all()
    np.testing.assert_array_equal(infos["track"], TEST_TRACKS)


@pytest.mark.parametrize("start", ["random", "line"])
def test_full_throttle_straight_on_crashes(start):
    cars = RacingVectorEnv(20)
    cars.reset(seed=0, options={"start": start})
    crashed = np.zeros(20, bool)
    for _ in range(120):
        seen, reward, terminated, _, infos = cars.step(np.tile(np.float32([0, 1, 0]), (20, 1)))
        crashed |= infos["crashed"]
        np.testing.assert_array_equal(terminated, infos["crashed"])
        assert (reward[terminated] < -2).all() and (infos["reward_terms"]["collision"][terminated] == -3).all()
        assert seen in cars.observation_space
    assert crashed.all()


def test_whoever_stays_is_stuck_after_three_seconds():
    cars = RacingVectorEnv(5, start="line")
    cars.reset(seed=0)
    for step in range(1, PATIENCE + 1):
        _, reward, terminated, truncated, infos = cars.step(np.tile(np.float32([0, 0, 1]), (5, 1)))
        assert terminated.all() == infos["stuck"].all() == (step == PATIENCE) and not truncated.any()
    assert (infos["reward_terms"]["stuck"] == -3).all() and (reward == -3).all()


def test_the_time_limit_cuts_and_does_not_end():
    cars = RacingVectorEnv(2, start="line", time_limit=20)
    seen, _ = cars.reset(seed=0)
    for step in range(1, 41):
        seen, _, terminated, truncated, infos = cars.step(towards_the_free_side(seen))
        assert truncated.all() == (step % 20 == 0) and not terminated.any()
        assert ("final_obs" in infos) == (step % 20 == 0)
    assert not infos["finished"].any()


def test_the_rewards_are_the_clamped_sums_of_their_terms():
    cars = RacingVectorEnv(16)
    cars.reset(seed=3)
    rng = np.random.default_rng(3)
    for _ in range(60):
        _, reward, _, _, infos = cars.step(rng.uniform(ACTION_LOW, ACTION_HIGH, (16, 3)).astype(np.float32))
        terms = infos["reward_terms"]
        assert tuple(terms) == TERMS and all(term.shape == (16,) for term in terms.values())
        np.testing.assert_allclose(reward, np.clip(sum(terms.values()), -3, 3), rtol=1e-12)


def test_what_a_step_gave_is_never_changed_by_the_next_one():
    cars = RacingVectorEnv(4)
    cars.reset(seed=0)
    ahead = np.tile(np.float32([0, 1, 0]), (4, 1))
    seen, reward, *_, infos = cars.step(ahead)
    kept = [seen.copy(), reward.copy(), *(infos[name].copy() for name in INFOS)]
    cars.step(ahead)
    for one, other in zip([seen, reward, *(infos[name] for name in INFOS)], kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_actions_beyond_their_range_count_as_its_end():
    far, near = RacingVectorEnv(2), RacingVectorEnv(2)
    far.reset(seed=0), near.reset(seed=0)
    np.testing.assert_array_equal(far.step([[9, 9, -9]] * 2)[0], near.step([[1, 1, 0]] * 2)[0])


def test_bad_input_is_named():
    cars = RacingVectorEnv(2)
    cars.reset(seed=0)
    with pytest.raises(
        ValueError, match=r"actions\[1\] is \[0.0, nan, 0.0\], wanted numbers for steer, throttle, brake"
    ):
        cars.step([[0, 0, 0], [0, float("nan"), 0]])
    with pytest.raises(ValueError, match=r"actions have shape \(3,\), wanted \(2, 3\)"):
        cars.step([0, 0, 0])
    with pytest.raises(ValueError, match="3 seeds for 2 cars"):
        cars.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="start is 'pit'"):
        cars.reset(options={"start": "pit"})
    with pytest.raises(ValueError, match="0 cars for 600 steps"):
        RacingVectorEnv(0)
