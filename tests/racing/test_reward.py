"""The reward's terms, with numbers that can be checked in the head."""

import numpy as np
import pytest

from racing.reward import TERMS, RewardConfig

CONFIG = RewardConfig(
    progress=1.0, survival=0.5, speed=2.0, smoothness=0.25, collision=4.0, stuck=1.5, target_speed=10.0, limit=3.0
)
NO = np.zeros(1, np.bool_)


def terms(gained=0.0, speed=0.0, steered=0.0, crashed=False, stuck=False):
    found = CONFIG.terms(
        gained=np.array([gained]),
        speed=np.array([speed]),
        steered=np.array([steered]),
        crashed=np.array([crashed]),
        stuck=np.array([stuck]),
    )
    assert tuple(found) == TERMS
    return {name: term.item() for name, term in found.items()}


def test_a_metre_in_a_tenth_of_a_second_is_the_target_of_ten_metres_a_second():
    assert terms(gained=1.0, speed=10.0) == {
        **{"progress": 1.0, "survival": 0.5, "speed": 2.0},
        **{"smoothness": 0.0, "collision": 0.0, "stuck": 0.0},
    }


def test_progress_is_paid_for_the_step_alone_and_taken_back_when_driving_back():
    assert terms(gained=0.5)["progress"] == 0.5
    assert terms(gained=-0.5)["progress"] == -0.5


def test_speed_is_paid_the_less_the_farther_it_is_from_the_target():
    assert [terms(speed=speed)["speed"] for speed in (0, 5, 10, 15, 20, 40)] == [0, 1, 2, 1, 0, 0]


def test_steering_from_side_to_side_costs_the_whole_term():
    assert terms(steered=2.0)["smoothness"] == terms(steered=-2.0)["smoothness"] == -0.25
    assert terms(steered=0.4)["smoothness"] == pytest.approx(-0.05)


def test_ends_are_paid_once_and_end_survival():
    assert terms(crashed=True)["collision"] == -4.0 and terms(crashed=True)["survival"] == 0
    assert terms(stuck=True)["stuck"] == -1.5 and terms(stuck=True)["survival"] == 0


def test_the_reward_is_the_clamped_sum():
    found = CONFIG.terms(
        gained=np.array([1.0, 1.0, 5.0]),
        speed=np.zeros(3),
        steered=np.zeros(3),
        crashed=np.array([False, True, False]),
        stuck=np.array([False, True, False]),
    )
    np.testing.assert_array_equal(CONFIG.total(found), [1.5, -3.0, 3.0])


def test_nothing_taken_is_not_written_as_minus_zero():
    assert not any(np.signbit(term) for term in terms().values())


def test_weights_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"RewardConfig\.progress is nan"):
        RewardConfig(progress=float("nan"))
    with pytest.raises(ValueError, match=r"RewardConfig\.stuck is -1"):
        RewardConfig(stuck=-1)
    with pytest.raises(ValueError, match="wanted target_speed and limit above zero"):
        RewardConfig(target_speed=0)
