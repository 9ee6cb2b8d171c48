"""Who becomes champion where only the returns of what was driven are known."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from schemas.errors import NotRegistered, SettingsRejected
from schemas.space import Space
from schemas.window import Window
from tests.warehouse.drafts import draft, files
from tests.warehouse.rows import Row, add_rollout
from warehouse import tables as t
from warehouse.aliases import promote, rollback
from warehouse.lake import Lake
from warehouse.registry import get, publish
from warehouse.trial import judge_by_returns
from warehouse.windows import select

_sessions = itertools.count()


def drive(lake: Lake, version: int | None, *returns: float) -> str:
    """A session of the engine with this version: whole episodes of one row each."""
    rows = [Row(0, step, reward, terminated=True) for step, reward in enumerate(returns)]
    return add_rollout(lake, f"session-{next(_sessions):05d}", 0, rows, version=version)


def train(lake: Lake, parent: int | None, **changes) -> int:
    """The next version, trained on what was driven last."""
    window_id = select(lake, Window(newest=1)).window_id
    name = f"{next(_sessions)}"
    return publish(lake, draft(name, parent=parent, window_id=window_id, **changes), files).version


def moves(lake: Lake) -> list[tuple[int | None, int]]:
    m = t.alias_moves.c
    query = sa.select(m.from_version, m.to_version).where(m.alias == "champion").order_by(m.move_id)
    with lake.catalog.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def judged(lake: Lake, **how) -> tuple[int, int]:
    """(champion, version to drive) after a judgement; judged again on the same evidence nothing changes."""
    decision = judge_by_returns(lake, **({"min_episodes": 3} | how))
    made = moves(lake)
    again = judge_by_returns(lake, **({"min_episodes": 3} | how))
    assert (moves(lake), again.champion, again.drive) == (made, decision.champion, decision.drive)
    assert not again.promoted and not again.rolled_back
    assert get(lake, "champion").version == decision.champion
    return decision.champion, decision.drive


@pytest.fixture
def trial(lake: Lake) -> Lake:
    """Version 1 is champion and has driven; version 2 was trained on that and is on trial."""
    publish(lake, draft("first", start="imported"), files)
    drive(lake, 1, 10.0, 11.0, 12.0, 13.0)
    assert train(lake, 1) == 2
    return lake


def test_a_new_version_drives_until_it_can_be_judged(trial: Lake):
    assert judged(trial) == (1, 2)
    drive(trial, 2, 0.0, 0.0)
    decision = judge_by_returns(trial, min_episodes=3)
    assert (decision.promoted, decision.drive, decision.comparison) == (False, 2, None)
    assert moves(trial) == [(None, 1)]


def test_a_version_whose_returns_are_not_worse_becomes_champion(trial: Lake):
    drive(trial, 2, 20.0, 21.0, 22.0)
    decision = judge_by_returns(trial, min_episodes=3)
    assert decision.promoted
    assert decision.reason.startswith("not worse by returns: return 21 against 11.5 of version 1, difference +9.5 [")
    assert decision.reason.endswith("worse with probability 0.000 (3 and 4 episodes)")
    assert judged(trial) == (2, 2)
    assert moves(trial) == [(None, 1), (1, 2)]


def test_a_version_whose_returns_fell_drives_no_longer(trial: Lake):
    drive(trial, 2, 1.0, 2.0, 3.0)
    assert judged(trial) == (1, 1)
    assert judge_by_returns(trial, min_episodes=3).reason.startswith("version 2 is worse by returns: return 2 against")
    assert train(trial, 2) == 3  # goes on from the one that fell
    assert judged(trial) == (1, 1)
    drive(trial, 1, 12.0, 12.0, 12.0)
    assert train(trial, 1) == 4  # goes on from the champion
    assert judged(trial) == (1, 4)
    drive(trial, 4, 20.0, 20.0, 20.0)
    assert judged(trial) == (4, 4)


def test_a_champion_whose_returns_fall_is_rolled_back_and_stays_out(trial: Lake):
    drive(trial, 2, 20.0, 21.0, 22.0)
    assert judged(trial) == (2, 2)
    drive(trial, 2, *[-5.0] * 30)
    decision = judge_by_returns(trial, min_episodes=3)
    assert (decision.promoted, decision.rolled_back, decision.champion, decision.drive) == (False, True, 1, 1)
    with trial.catalog.read() as connection:
        reason = connection.scalars(sa.select(t.alias_moves.c.reason).order_by(t.alias_moves.c.move_id.desc())).first()
    assert reason.startswith("rollback of move ") and decision.reason in reason
    assert decision.reason.startswith("returns fell: return -5 against 11.5 of version 1")
    assert train(trial, 2) == 3
    assert judged(trial) == (1, 1)
    assert moves(trial) == [(None, 1), (1, 2), (2, 1)]
    with pytest.raises(NotRegistered, match="was on no other before"):
        rollback(trial, "champion")


def test_a_small_fall_does_not_roll_back(trial: Lake):
    drive(trial, 2, 10.0, 11.5, 13.5)
    assert judged(trial) == (2, 2)
    drive(trial, 2, 10.5, 11.6, 11.9)
    found = judge_by_returns(trial, min_episodes=3)
    assert found.comparison is not None and 0.5 < found.comparison.probability_worse < 0.75
    assert (found.champion, found.rolled_back) == (2, False)


def test_what_a_person_promoted_is_not_rolled_back(trial: Lake):
    promote(trial, "champion", 2, "it looks good")
    drive(trial, 2, 1.0, 2.0, 3.0)
    assert judged(trial) == (2, 2)
    drive(trial, 2, 1.0, 1.0, 1.0)
    assert train(trial, 2) == 3
    drive(trial, 3, 0.0, 0.0, 0.0)
    assert judged(trial) == (2, 2)


def test_what_a_person_took_back_is_not_promoted_again(trial: Lake):
    drive(trial, 2, 20.0, 21.0, 22.0)
    assert judged(trial) == (2, 2)
    promote(trial, "champion", 1, "it cuts corners")
    assert judged(trial) == (1, 1)
    promote(trial, "champion", 2, "no, it does not")
    assert judged(trial) == (2, 2)


def test_a_champion_that_never_drove_gives_way(trial: Lake):
    drive(trial, None, 5.0, 5.0)
    assert train(trial, 1) == 3
    promote(trial, "champion", 2)
    drive(trial, 3, 1.0, 1.0, 1.0)
    decision = judge_by_returns(trial, min_episodes=3)
    assert (decision.promoted, decision.champion, decision.comparison) == (True, 3, None)
    assert decision.reason == "not worse by returns: version 2 has no whole episodes to compare with"


def test_a_version_is_on_trial_until_the_champion_has_enough_episodes_in_the_same_time(trial: Lake):
    """The champion's drives are long: seldom does one begin and end within a rollout."""
    for _ in range(3):
        drive(trial, 1, 50.0)
    drive(trial, 2, 1.0, 1.0, 1.0)
    assert judged(trial) == (1, 2)
    drive(trial, 2, 1.0, 1.0, 1.0)
    drive(trial, 2, 1.0, 1.0, 1.0)
    decision = judge_by_returns(trial, min_episodes=3)
    assert (decision.champion, decision.drive) == (1, 1)
    assert decision.comparison is not None and decision.comparison.counts == (9, 3)


def test_a_newcomer_that_drives_as_the_champion_does_is_worse_as_often_as_better(lake: Lake):
    """Ends come at random, once in 150 steps; a rollout has 100 of each car, the newcomer three rollouts."""
    publish(lake, draft("first", start="imported"), files)
    drive(lake, 1, 1.0)
    train(lake, 1)
    random, worse = np.random.default_rng(5), []
    for trial in range(10):
        with lake.catalog.begin() as connection:
            connection.execute(t.attributions.update().values(version=None))
        for index in range(12):
            ends = random.random((8, 100)) < 1 / 150
            rows = [Row(car, step, terminated=bool(ends[car, step])) for step in range(100) for car in range(8)]
            add_rollout(lake, f"trial-{trial:02d}", index, rows, version=1 if index < 9 else 2)
        decision = judge_by_returns(lake, risk=0.0, min_episodes=3)
        compared = decision.comparison
        assert compared is not None, decision
        worse.append(compared.probability_worse)
    assert 0.35 < np.mean(worse) < 0.65


def test_only_the_newest_episodes_of_a_version_count(trial: Lake):
    drive(trial, 2, *[0.0] * 10)
    drive(trial, 2, *[20.0] * 4)
    assert judged(trial, newest=4) == (2, 2)


def test_a_policy_that_was_only_imported_or_has_another_space_is_not_on_trial(trial: Lake):
    publish(trial, draft("outside", start="imported"), files)
    assert judged(trial) == (1, 2)
    wide = Space.of(31, ["steer", "throttle", "brake"])
    assert train(trial, None, space=wide) == 4
    assert judged(trial) == (1, 2)


def test_of_judgements_at_once_one_moves_the_champion(trial: Lake):
    drive(trial, 2, 20.0, 21.0, 22.0)
    with ThreadPoolExecutor(3) as pool:
        decisions = list(pool.map(lambda _: judge_by_returns(trial, min_episodes=3), range(4)))
    assert sum(decision.promoted for decision in decisions) == 1
    assert moves(trial) == [(None, 1), (1, 2)]


def test_what_cannot_be_judged_is_said(lake: Lake):
    with pytest.raises(NotRegistered, match="the registry is empty"):
        judge_by_returns(lake)
    publish(lake, draft("first"), files)
    assert judge_by_returns(lake).reason == "no version from 1 on has 20 whole episodes yet"
    for wrong in ({"risk": 2.0}, {"min_episodes": 0}, {"min_episodes": 201}):
        with pytest.raises(SettingsRejected, match="wanted a probability from 0 to 1, and 1 to 200 episodes"):
            judge_by_returns(lake, **wrong)
