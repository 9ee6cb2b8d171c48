from dataclasses import asdict

import numpy as np
import pytest

from racing.driver import Driver
from racing.environment import Environment
from racing.errors import DriveRejected
from racing.evaluation import evaluate
from racing.track import TEST_TRACKS, TRAIN_TRACKS
from tests.racing import policies


def racer(seed=0, **changes):
    return Driver.read(policies.raw(hidden=(64, 64), seed=seed), **changes)


def test_each_track_is_driven_by_so_many_cars_and_every_drive_ends_once():
    told = []
    drives = evaluate(racer(), tracks=TEST_TRACKS[:3], cars=4, progress=lambda *at: told.append(at))
    assert [drive.number for drive in drives] == list(range(12))
    assert [drive.track for drive in drives] == [seed for seed in TEST_TRACKS[:3] for _ in range(4)]
    assert told == [(ended, 12) for ended in range(1, 13)]
    for drive in drives:
        assert not (drive.finished and drive.crashed) and drive.finished == (drive.progress >= 1)
        assert drive.length > 0 and drive.speed >= 0 and np.isfinite(drive.return_)
    # standing starts lie elsewhere, so no two drives of a track are alike
    assert len({(drive.track, drive.return_) for drive in drives}) == 12


@pytest.mark.parametrize("at_once", [1, 5, 8, 256])
def test_a_drive_ends_the_same_in_any_company(at_once):
    alone = evaluate(racer(), tracks=TEST_TRACKS[:4], cars=2, at_once=2)
    assert evaluate(racer(), tracks=TEST_TRACKS[:4], cars=2, at_once=at_once) == alone
    assert [asdict(drive) | {"number": 0} for drive in evaluate(racer(), tracks=TEST_TRACKS[2:3], cars=2)] == [
        asdict(drive) | {"number": 0} for drive in alone[4:6]
    ]


def test_unseen_tracks_are_none_of_those_to_learn_on():
    assert not set(TRAIN_TRACKS) & set(TEST_TRACKS) and len(TEST_TRACKS) == 20


def test_elsewhere_each_episode_has_its_own_seed_whatever_drives_beside_it():
    driver = Driver.read(policies.raw(3, 1))
    together = evaluate(driver, "Pendulum-v1", episodes=5, seed=7)
    assert evaluate(driver, "Pendulum-v1", episodes=5, seed=7, at_once=2) == together
    assert evaluate(driver, "Pendulum-v1", episodes=2, seed=9) == [
        type(drive)(**asdict(drive) | {"number": drive.number - 2}) for drive in together[2:4]
    ]
    assert {drive.length for drive in together} == {200} and together[0].track is together[0].speed is None


def test_the_mean_is_driven_without_noise():
    driver, environment = Driver.read(policies.raw(3, 1)), Environment.open("Pendulum-v1", 1)
    state, total = environment.reset([7]), 0.0
    for _ in range(200):
        state, reward, *_ = environment.step(driver.forward(state)[0])
        total += reward[0]
    assert evaluate(driver, "Pendulum-v1", episodes=1, seed=7)[0].return_ == pytest.approx(total, rel=1e-4)


def test_a_drive_that_nothing_ends_is_cut():
    drives = evaluate(Driver.read(policies.raw(3, 1)), "Pendulum-v1", episodes=3, longest=50)
    assert [drive.length for drive in drives] == [50] * 3


def test_what_cannot_be_driven_is_refused():
    with pytest.raises(DriveRejected, match="0 drives"):
        evaluate(racer(), tracks=[])
    with pytest.raises(DriveRejected, match="15 observations and 3 actions, wanted 3 and 1"):
        evaluate(racer(), "Pendulum-v1")
