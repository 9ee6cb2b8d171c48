"""Named rewards: what they say of history, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas.errors import NotRegistered, QueryRejected, RewardRejected, WindowEmpty
from schemas.reward import Reward
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.rollouts import sql, write
from tests.warehouse.scored import fill, rows, terms
from warehouse import rescoring, rewards
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.questions import question
from warehouse.scoring import scored
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored


@pytest.fixture
def here(tmp_path: Path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield fill(lake, tmp_path / "in", rows(), rows(20))
    lake.catalog.engine.dispose()


def weighted(
    lake: Lake, name: str = "fast", only: bool = False, clamp: float | None = None, **weights: float
) -> Reward:
    return rescoring.weighted(lake, name, weights, only=only, clamp=clamp)


def test_terms_that_are_not_named_keep_weight_one_and_zero_switches_one_off(here: Lake):
    assert weighted(here, speed=0.5).formula == "1 collision + 0.5 speed"
    assert weighted(here, speed=0.5, collision=0).formula == "0.5 speed"
    assert weighted(here, only=True, speed=0.5, clamp=3).formula == "0.5 speed, clamped to +-3"
    with pytest.raises(QueryRejected, match=r"no rollout has the reward term 'sped'; there are collision, speed"):
        weighted(here, sped=1)
    with pytest.raises(QueryRejected, match="every weight is 0"):
        weighted(here, speed=0, collision=0)


def test_old_and_new_are_compared_and_clamped_rows_counted(here: Lake):
    compared = rescoring.compare(here, weighted(here, only=True, speed=-1, clamp=10))
    assert (compared.rows, compared.rollouts, compared.left_out) == (30, 2, ())
    assert (compared.new["min"], compared.new["max"]) == (-10, 0)
    assert compared.old["max"] == 2 * 18
    assert compared.clamped == 4 + 14  # speed counts 0, 2, 4, ... 18 and on to 38


def test_rewards_and_returns_follow_in_sql_and_what_was_recorded_stays(here: Lake):
    fast = weighted(here, only=True, speed=0.5)
    statement = "select rollout_index, step, reward from experiences order by all"
    recorded, new = run(here, statement).to_pylist(), run(here, statement, None, fast).to_pylist()
    assert [row["reward"] for row in new] == [0.5 * 2 * row["step"] for row in recorded]
    assert recorded == run(here, statement.replace("reward", "recorded_reward as reward"), None, fast).to_pylist()
    returns = "select return from episodes where whole order by length, first_row_index"
    assert run(here, returns, None, fast)["return"].to_pylist() == [45, 45, 145]
    assert run(here, returns)["return"].to_pylist() == [87, 87, 287]
    best = question("best-episodes")
    assert run(here, best.statement, best.bind({"n": 1}), fast)["return"].to_pylist() == [145]


def test_a_row_without_the_terms_is_left_out_with_its_reason_and_never_worth_zero(tmp_path: Path, here: Lake):
    fast, folder = weighted(here, speed=0.5), tmp_path / "more"
    holes = rows()
    del holes[3]["reward_terms"]
    holes[4]["reward_terms"] = {"collision": 0.0}
    fill(here, folder, rows(reward_terms=None), holes, rows(reward_terms=terms(1, weather=1.0)))
    compared = rescoring.compare(here, fast)
    assert {(left.reason, left.rows, left.rollouts) for left in compared.left_out} == {
        ("no reward_terms", 11, 2),
        ("no term_speed", 1, 1),
        ("has term_weather, which the formula does not name", 10, 1),
    }
    assert "weather" in weighted(here, speed=0.5).formula, "the newest rollout says which terms there are"
    without = "select count(*) from experiences where reward is null"
    assert run(here, without, None, fast).to_pydict() == {"count_star()": [22]}
    ended = "select count(*), count(return) from episodes where whole"
    assert list(run(here, ended, None, fast).to_pylist()[0].values()) == [6, 3]
    only = weighted(here, "only", only=True, speed=0.5)
    assert rescoring.compare(here, only).rows == compared.rows + 10


def test_a_window_takes_only_rollouts_that_the_reward_can_score(tmp_path: Path, here: Lake):
    fill(here, tmp_path / "bare", rows(reward_terms=None))
    fill(here, tmp_path / "mixed", rows(11), rows(12, reward_terms=None))
    rewards.define(here, weighted(here, only=True, speed=0.5))
    manifest = select(here, Window(reward="fast"))
    assert len(manifest.rollouts) == 3 and manifest.reward == rewards.get(here, "fast")
    assert manifest.narrowed[0].startswith("2 fitting rollouts lack what the reward 'fast' reads")
    newest = select(here, Window(newest=1, reward="fast"))
    assert [member.rows for member in newest.rollouts] == [20], "the rollout without terms is newer"
    table = window_rows(here, manifest)
    inside = table.filter(table["in_window"])
    assert inside["reward"].to_pylist() == [0.5 * 2 * step for step in inside["step"].to_pylist()]
    with pytest.raises(WindowEmpty, match="Only rollouts with term_speed can be scored"):
        select(here, Window(reward="fast", since="2030-01-01"))


def test_windows_of_the_same_rows_and_other_rewards_are_other_windows(here: Lake):
    rewards.define(here, weighted(here, "a", speed=1))
    rewards.define(here, weighted(here, "b", speed=2))
    plain, a, b = (select(here, Window(reward=reward)) for reward in (None, "a", "b"))
    assert len({plain.window_id, a.window_id, b.window_id}) == 3
    assert {plain.rows_sha256} == {a.rows_sha256, b.rows_sha256}
    assert stored(here, b.window_id) == b.model_copy(update={"narrowed": ()})
    assert sql(here, "select reward from windows order by all") == [("a",), ("b",), (None,)]
    rewards.define(here, weighted(here, "a", speed=3))  # no version was trained on it
    assert stored(here, a.window_id).reward == a.reward, "a window keeps the definition that it had"
    assert select(here, Window(reward="a")).window_id != a.window_id


def test_the_best_rollouts_are_those_of_the_new_reward(here: Lake):
    rewards.define(here, weighted(here, only=True, speed=-1))
    (best,) = select(here, Window(best=1)).rollouts
    (other,) = select(here, Window(best=1, reward="fast")).rollouts
    assert (best.rows, other.rows) == (20, 10)


@pytest.mark.parametrize(
    ("expression", "value", "row"),
    [
        ("1 / term_speed", "inf", 0),
        ("ln(term_speed - 2)", "NULL", 0),
        ("sqrt(4 - term_speed)", "NULL", 3),
        ("case when term_speed < 10 then 1 end", "NULL", 5),
        ("term_speed * 1e200", "2e+200", 1),
        ("sin(1 / (term_speed - 4))", "NULL", 2),
    ],
)
def test_a_row_without_a_finite_number_is_an_error_with_its_address(here: Lake, expression: str, value: str, row: int):
    reward = rescoring.expressed(here, "bad", expression, clamp=None)
    address = (
        rf"rollout_\d_20241225_\d+\.json: experiences\[\d+\]: reward 'bad' gives {value.replace('+', '.')}, wanted"
    )
    for statement in ("select sum(reward) from experiences", "from episodes"):
        with pytest.raises(RewardRejected, match=address):
            run(here, statement, None, reward)
    with pytest.raises(RewardRejected, match=address):
        rescoring.compare(here, reward)
    assert run(here, "select count(step) from experiences", None, reward).num_rows == 1, "nobody asked for the reward"
    rewards.define(here, reward)
    with pytest.raises(RewardRejected, match=rf"experiences\[{row}\]"):
        select(here, Window(reward="bad"))


def test_a_reward_that_scores_nothing_is_refused(here: Lake, tmp_path: Path):
    empty = Lake.open(Settings.load(home=tmp_path / "empty"))
    with pytest.raises(QueryRejected, match="no rollout has reward_terms"):
        weighted(empty, speed=1)
    with pytest.raises(RewardRejected, match="can score no row"):
        rescoring.compare(here, rescoring.expressed(here, "x", "next_value * 2", clamp=None))
    with pytest.raises(NotRegistered, match="there is no reward 'fast'; none is defined"):
        select(here, Window(reward="fast"))
    empty.catalog.engine.dispose()


def test_a_term_in_another_spelling_is_the_same_term(here: Lake, tmp_path: Path):
    write(tmp_path / "cased", 0, rows(reward_terms={"Speed": 4.0, "Collision": 0.0}))
    fill(here, tmp_path / "cased")
    rewards.define(here, weighted(here, SPEED=0.5))
    manifest = select(here, Window(reward="fast"))
    assert len(manifest.rollouts) == 3
    table = window_rows(here, manifest)
    assert set(table["reward"].filter(pc.equal(table["run_id"], "cased")).to_pylist()) == {0.5 * 4}


def test_definitions_lie_in_either_catalog_and_a_name_moves_while_nothing_was_trained_on_it(lake: Lake, tmp_path: Path):
    fill(lake, tmp_path / "in", rows())
    assert rewards.define(lake, weighted(lake, speed=0.5), "more speed")
    assert not rewards.define(lake, weighted(lake, speed=0.5))
    assert rewards.define(lake, weighted(lake, speed=0.7))
    (named,) = rewards.listing(lake)
    assert (named.reward.weights, named.versions) == ({"collision": 1.0, "speed": 0.7}, ())
    assert rewards.define(lake, weighted(lake, speed=0.5)), "a definition that was there before comes back"
    assert sql(lake, "select name, kind, versions from rewards") == [("fast", "weights", 0)]
    manifest = select(lake, Window(reward="fast", best=1))
    assert stored(lake, manifest.window_id[:12]).reward == manifest.reward
    assert window_rows(lake, manifest)["reward"].to_pylist() == [float(step) for step in range(9)] + [9 - 3]


numbers = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=30),
    weights=st.just((1.0, 1.0, 1.0)) | st.tuples(*3 * [st.floats(-100, 100)]),
    clamp=st.none() | st.floats(0.1, 1e5),
)
def test_weights_of_one_give_exactly_the_sum_of_the_terms_and_others_what_numpy_gives(
    here: Lake, values: list[tuple[float, ...]], weights: tuple[float, ...], clamp: float | None
):
    assume(any(weights))
    used = {f"term_{term}": weight for term, weight in zip("abc", weights, strict=True) if weight}
    reward = Reward(name="r", kind="weights", expression="", columns=tuple(used), clamp=clamp,
                    weights=dict(zip("abc", weights, strict=True)))  # fmt: skip
    terms_of = np.array(values, np.float64)
    rewards_of = sum((weight * terms_of[:, place] for place, weight in enumerate(weights)), np.zeros(len(values)))
    oracle = rewards_of if clamp is None else np.clip(rewards_of, -clamp, clamp)
    table = pa.table({f"term_{term}": pa.array(terms_of[:, place], pa.float32()) for place, term in enumerate("abc")})
    table = table.append_column("reward", pa.array(np.zeros(len(values)), pa.float32()))
    table = table.append_column("row_index", pa.array(range(len(values)), pa.int32()))
    table = table.append_column("rollout_id", pa.array(["0" * 64] * len(values)))
    assert np.array_equal(scored(here, table, reward)["reward"].to_numpy(), oracle.astype(np.float32))


def test_a_reward_is_its_definition_whatever_it_is_called(here: Lake):
    a, b = weighted(here, "a", speed=0.5), weighted(here, "b", speed=0.5)
    assert a.reward_id == b.reward_id != weighted(here, "a", speed=0.25).reward_id
    assert Reward.model_validate_json(json.dumps({"name": "a", **a.definition})) == a
