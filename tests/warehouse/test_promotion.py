"""Who becomes champion, by evaluations."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import EvaluationRejected, NotRegistered, SettingsRejected
from tests.warehouse.drafts import draft, files
from warehouse import tables as t
from warehouse.aliases import promote, rollback
from warehouse.comparison import compare
from warehouse.evaluations import store
from warehouse.lake import Lake
from warehouse.promotion import Decision, decide, promote_if_not_worse
from warehouse.registry import get, publish

TASK, SETTINGS = "Hopper-v5", {"episodes": 4}


def evaluate(lake: Lake, version: int, *returns: float) -> None:
    store(lake, version, TASK, SETTINGS, [{"number": n, "return": x, "length": 1} for n, x in enumerate(returns)])


def moves(lake: Lake) -> list[tuple[int | None, int]]:
    m = t.alias_moves.c
    query = sa.select(m.from_version, m.to_version).where(m.alias == "champion").order_by(m.move_id)
    with lake.catalog.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def three(lake: Lake) -> Lake:
    """Versions 1, 2 and 3; 1 is champion."""
    for name in "abc":
        publish(lake, draft(name), files)
    return lake


def test_a_version_that_drives_better_becomes_champion_and_the_move_says_why(three: Lake):
    evaluate(three, 1, 1.0, 2.0, 3.0, 4.0)
    evaluate(three, 2, 2.0, 3.0, 4.0, 5.0)
    decision = promote_if_not_worse(three, 2, TASK, SETTINGS)
    why = (
        "not worse on Hopper-v5: return 3.5 against 2.5 of version 1, difference +1 [+1, +1], "
        "worse with probability 0.000 (4 paired drives)"
    )
    comparison = compare(three, 2, 1, TASK, SETTINGS)
    assert decision == Decision(promoted=True, reason=why, champion=2, drive=2, comparison=comparison)
    assert get(three, "champion").version == 2
    with three.catalog.read() as connection:
        assert connection.scalars(sa.select(t.alias_moves.c.reason).order_by(t.alias_moves.c.move_id)).all()[-1] == why
    assert rollback(three, "champion").to_version == 1


def test_a_version_that_drives_worse_stays_a_version(three: Lake):
    evaluate(three, 1, 1.0, 2.0, 3.0, 4.0)
    evaluate(three, 2, 0.5, 1.5, 2.5, 3.5)
    decision = promote_if_not_worse(three, "2", TASK, SETTINGS, risk=0.9)
    assert (decision.promoted, decision.champion, decision.drive) == (False, 1, 1)
    assert decision.reason.startswith("version 2 is worse on Hopper-v5: return 2 against 2.5 of version 1")
    assert decision.reason.endswith("allowed 0.9")
    assert moves(three) == [(None, 1)]


def test_the_same_evidence_moves_the_champion_once(three: Lake):
    evaluate(three, 1, 1.0)
    evaluate(three, 2, 1.0)  # as good is not worse
    assert [promote_if_not_worse(three, 2, TASK, SETTINGS).promoted for _ in range(3)] == [True, False, False]
    again = promote_if_not_worse(three, 2, TASK, SETTINGS)
    assert (again.reason, again.comparison, again.drive) == ("version 2 is the champion already", None, 2)
    assert moves(three) == [(None, 1), (1, 2)]


def test_promotions_at_once_are_held_against_the_champion_of_their_moment(three: Lake):
    for version, score in ((1, 1.0), (2, 2.0), (3, 3.0)):
        evaluate(three, version, score)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda version: promote_if_not_worse(three, version, TASK, SETTINGS), [2, 3, 2, 3, 2, 3]))
    assert get(three, "champion").version == 3
    assert moves(three) in ([(None, 1), (1, 2), (2, 3)], [(None, 1), (1, 3)])


def test_an_uncertain_difference_is_a_matter_of_the_risk(three: Lake):
    evaluate(three, 1, 0.0, 0.0, 0.0, 0.0)
    evaluate(three, 2, -3.0, 1.0, 0.5, 1.0)
    comparison = compare(three, 2, 1, TASK, SETTINGS)
    assert 0.3 < comparison.probability_worse < 0.7
    assert decide(comparison, comparison.probability_worse) and not decide(comparison, 0.2)
    assert decide(comparison, 0.95)
    for risk in (-0.1, 1.1):
        with pytest.raises(SettingsRejected, match="wanted a probability from 0 to 1"):
            promote_if_not_worse(three, 2, TASK, SETTINGS, risk)


def test_without_evaluations_there_is_no_decision(three: Lake):
    evaluate(three, 2, 1.0)
    with pytest.raises(EvaluationRejected, match="version 1 was not evaluated on Hopper-v5"):
        promote_if_not_worse(three, 2, TASK, SETTINGS)
    with pytest.raises(NotRegistered, match="no version '9'"):
        promote_if_not_worse(three, 9, TASK, SETTINGS)
    assert moves(three) == [(None, 1)]


def test_a_champion_by_hand_is_challenged_like_any_other(three: Lake):
    evaluate(three, 1, 1.0)
    evaluate(three, 3, 2.0)
    promote(three, "champion", 3, "it looks good")
    assert not promote_if_not_worse(three, 1, TASK, SETTINGS).promoted


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.integers(-3, 3), min_size=3, max_size=3), tried=st.lists(st.integers(1, 3), max_size=8))
def test_the_champion_never_falls_back(three: Lake, scores: list[int], tried: list[int]):
    """One drive each: the score says all."""
    task = f"{scores}"
    for version, score in enumerate(scores, 1):
        store(three, version, task, {}, [{"number": 0, "return": score, "length": 1}])
    champion = get(three, "champion").version
    for version in tried:
        decision = promote_if_not_worse(three, version, task, {})
        assert decision.promoted == (version != champion and scores[version - 1] >= scores[champion - 1])
        champion = version if decision.promoted else champion
        assert get(three, "champion").version == champion == decision.champion
