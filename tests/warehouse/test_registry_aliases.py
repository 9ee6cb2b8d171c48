import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import NotRegistered, SettingsRejected
from tests.warehouse.drafts import draft, files
from warehouse.aliases import Move, promote, rollback
from warehouse.lake import Lake
from warehouse.registry import get, publish

_fresh = itertools.count()


@pytest.fixture
def three(lake: Lake) -> Lake:
    """A lake with versions 1, 2 and 3."""
    for name in "abc":
        publish(lake, draft(name), files)
    return lake


def test_the_first_version_becomes_champion_and_the_newest_is_latest(three: Lake) -> None:
    assert get(three, "champion").version == 1
    assert get(three, "latest").version == 3
    assert [get(three, version).aliases for version in (1, 2, 3)] == [("champion",), (), ("latest",)]


def test_promote_moves_an_alias_and_rollback_goes_the_way_back(three: Lake) -> None:
    assert promote(three, "champion", 2, "faster") == Move("champion", 1, 2, "faster")
    assert promote(three, "champion", "latest") == Move("champion", 2, 3, "")
    assert [rollback(three, "champion").to_version for _ in range(2)] == [2, 1]
    with pytest.raises(NotRegistered, match="is on version 1 and was on no other before"):
        rollback(three, "champion")
    assert get(three, "champion").version == 1


def test_rollback_after_a_way_back_by_hand_undoes_that(three: Lake) -> None:
    promote(three, "champion", 3)
    promote(three, "champion", 1)
    assert rollback(three, "champion").to_version == 3


def test_a_new_name_makes_an_alias_and_the_same_version_is_no_move(three: Lake) -> None:
    assert promote(three, "challenger", "v00002").from_version is None
    assert promote(three, "challenger", "2") == Move("challenger", 2, 2, "")
    with pytest.raises(NotRegistered, match="was on no other"):
        rollback(three, "challenger")


@pytest.mark.parametrize("name", ["", "7", "v7", "Champion", "_x", "a b", "a.b", "x" * 65, "é", "latest"])
def test_names_that_cannot_be_aliases_are_refused(three: Lake, name: str) -> None:
    for call in (lambda: promote(three, name, 1), lambda: rollback(three, name)):
        with pytest.raises(SettingsRejected, match="alias"):
            call()


@pytest.mark.parametrize("version", [0, 4, -1, 10**30, "0", "4", "chmpion", "", "v", "²"])
def test_a_version_that_is_not_there_lists_what_is(three: Lake, version: int | str) -> None:
    with pytest.raises(NotRegistered) as raised:
        get(three, version)
    assert f"no version {str(version)!r}; there are 1 to 3" in str(raised.value)
    assert "champion (1), latest (3)" in str(raised.value)
    assert "pitwall models list" in str(raised.value)


def test_an_empty_registry_says_how_to_begin(lake: Lake) -> None:
    with pytest.raises(NotRegistered, match="pitwall models import FILE"):
        get(lake, "latest")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from([1, 2, 3, "back"]), max_size=12))
def test_any_sequence_of_moves_behaves_like_an_undo_stack(three: Lake, steps: list[int | str]) -> None:
    alias, stack = f"alias-{next(_fresh)}", [1]
    promote(three, alias, 1)
    for step in steps:
        if step != "back":
            promote(three, alias, step)
            stack += [int(step)] if stack[-1] != step else []
        elif len(stack) > 1:
            stack.pop()
            rollback(three, alias)
        else:
            with pytest.raises(NotRegistered):
                rollback(three, alias)
        assert get(three, alias).version == stack[-1]
