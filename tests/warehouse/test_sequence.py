import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.rollouts import rows, write
from warehouse.ingest import ingest
from warehouse.sequence import sequence
from warehouse.window_rows import rollout_rows


def naive(agent, lost):
    """Steps and gaps by walking the file once forwards and once backwards."""
    count = len(agent)

    def walk(order):
        gap, pending, everyone, seen = [False] * count, {}, 0, {}
        for row in order:
            if lost[row]:
                if agent[row] == -1:
                    everyone += 1
                else:
                    pending[agent[row]] = True
            else:
                gap[row] = pending.pop(agent[row], False) or everyone > seen.get(agent[row], 0)
                seen[agent[row]] = everyone
        return gap

    step, standing = [0] * count, {}
    for row in range(count):
        step[row] = standing.get(agent[row], 0)
        standing[agent[row]] = step[row] + 1
    return step, walk(range(count)), walk(reversed(range(count)))


ROW = st.tuples(st.integers(0, 3), st.booleans()) | st.just((-1, True))


@given(st.lists(ROW, min_size=1, max_size=40))
def test_steps_and_gaps_are_those_of_a_walk_through_the_file(file):
    agent, lost = np.array([a for a, _ in file], np.int32), np.array([gone for _, gone in file], bool)
    found = sequence(agent, lost)
    for column, expected in zip(found, naive(agent.tolist(), lost.tolist()), strict=True):
        assert [bool(x) if column.dtype == bool else int(x) for x in column[~lost]] == [
            x for x, gone in zip(expected, lost, strict=True) if not gone
        ]


def segments(lake, path):
    table = rollout_rows(lake, ingest(lake, [path]).rollouts)
    columns = ("agent_index", "step", "gap_before", "gap_after")
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def test_a_rejected_row_cuts_its_own_car_alone(lake, tmp_path):
    experiences = rows(8, agents=2)
    experiences[2]["reward"] = "fast"  # car 0, step 1
    assert segments(lake, write(tmp_path, 0, experiences)) == [
        (0, 0, False, True), (0, 2, True, False), (0, 3, False, False),
        (1, 0, False, False), (1, 1, False, False), (1, 2, False, False), (1, 3, False, False),
    ]  # fmt: skip


def test_a_rejected_row_of_nobody_cuts_every_car(lake, tmp_path):
    experiences = rows(8, agents=2)
    experiences[2]["agent_index"] = "?"
    assert segments(lake, write(tmp_path, 0, experiences)) == [
        (0, 0, False, True), (0, 1, True, False), (0, 2, False, False),
        (1, 0, False, True), (1, 1, True, False), (1, 2, False, False), (1, 3, False, False),
    ]  # fmt: skip


def test_rows_lost_at_the_ends_are_gaps_to_the_outside(lake, tmp_path):
    experiences = rows(4, agents=1)
    experiences[0]["log_prob"] = experiences[3]["log_prob"] = 60.0
    assert segments(lake, write(tmp_path, 0, experiences)) == [(0, 1, True, False), (0, 2, False, True)]
