"""Every row of a window has one role, and the trained ones are those that gradients were taken of."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppo.batch import Batch
from ppo.roles import roles
from ppo.sources import Source
from schemas.errors import WindowEmpty
from schemas.role import AFTER_WINDOW, REASONS
from tests.ppo.tables import from_rows
from tests.ppo.test_batch import SPACE, drive


def sources(batch, shut=()):
    """One per version; those of `shut` are gated."""
    return [
        Source(version, (batch.version == version).nonzero().squeeze(1), 1.0, 0.0, "too far" if version in shut else "")
        for version in sorted(set(batch.version.tolist()))
    ]


def made_of(rows, shut=()):
    """(rollout, row) -> (role, reason), in words that a table of the test can hold."""
    table = from_rows(rows, SPACE)
    batch = Batch.from_arrow(table, SPACE)
    return told(roles(table, batch, sources(batch, shut)))


def told(parts):
    found = [
        ((part.rollout_id, row), (part.role, part.reason))
        for part in parts
        for first, last in part.ranges
        for row in range(first, last + 1)
    ]
    assert len(dict(found)) == len(found), "a row has two roles"
    return dict(sorted(found))


def test_the_last_row_of_a_drive_ends_the_one_before_it():
    assert made_of(drive(3)) == {
        ("r0", 0): ("trained", ""),
        ("r0", 1): ("trained", ""),
        ("r0", 2): ("bootstrap", "nothing_follows"),
    }


def test_why_a_row_is_not_trained_on_is_told():
    rows = drive(2, 2, 2, 2)
    rows[1]["gap_after"] = True
    rows[3]["truncated"] = True
    rows[4:6] = [{**row, "policy_version": 2} for row in rows[4:6]]
    rows[6:] = [{**row, "policy_version": 2, "rollout_index": 7} for row in rows[6:]]
    last = {key: reason for key, (role, reason) in made_of(rows).items() if role == "bootstrap"}
    assert last == {
        ("r0", 1): "row_lost",
        ("r1", 1): "time_limit",
        ("r2", 1): "rollout_missing",
        ("r3", 1): "nothing_follows",
    }
    rows[3]["truncated"] = False
    assert made_of(rows)["r1", 1] == ("bootstrap", "other_policy")


def test_rows_of_a_source_that_is_too_far_are_gated_and_their_bootstrap_serves_nobody():
    rows = drive(3, 3)
    rows[3:] = [{**row, "policy_version": 2} for row in rows[3:]]
    found = made_of(rows, shut={2})
    assert found["r0", 1] == ("trained", "")
    assert found["r1", 0] == found["r1", 1] == ("gated", "version 2: too far")
    assert found["r1", 2] == ("left_out", "bootstrap_of_gated")


def test_of_the_rollout_after_the_window_only_rows_that_served_are_named():
    rows = drive(3, 1)
    rows[3]["in_window"] = False
    assert made_of(rows)["r1", 0] == ("bootstrap", AFTER_WINDOW)
    rows[2]["terminated"] = True
    assert ("r1", 0) not in made_of(rows)


def test_a_row_alone_between_lost_ones_is_left_out():
    rows = drive(5)
    rows[2].update(gap_before=True, gap_after=True)
    assert [role for role, _ in made_of(rows).values()] == ["trained", "bootstrap", "left_out", "trained", "bootstrap"]


def test_stretches_end_where_a_row_is_missing():
    rows = [{**row, "row_index": 2 * row["row_index"]} for row in drive(3)]
    rows[2]["terminated"] = True
    table = from_rows(rows, SPACE)
    batch = Batch.from_arrow(table, SPACE)
    (part,) = roles(table, batch, sources(batch))
    assert part.ranges == [(0, 0), (2, 2), (4, 4)] and part.rows == 3


flags = st.booleans()
experience = st.tuples(flags, flags, flags, flags, flags)
rollout = st.tuples(
    st.lists(experience, min_size=1, max_size=6),
    st.sampled_from([1, 1, 2, None]),
    st.sampled_from(["author", "claim_refuted", "log_prob_disagrees"]),
    st.sampled_from([0.2, 0.2, None]),
    st.integers(0, 1),
    flags,
)


@given(st.lists(rollout, min_size=1, max_size=5), st.sets(st.sampled_from([1, 2])))
def test_roles_hold_every_row_of_any_window_once_and_agree_with_the_batch(window, shut):
    rows = []
    for place, (experiences, version, verdict, noise, agent, inside) in enumerate(window):
        for step, (terminated, truncated, before, after, known) in enumerate(experiences):
            row = drive(1)[0] | {
                "rollout_id": f"r{place}", "rollout_position": place, "rollout_index": place, "row_index": step,
                "step": step, "agent_index": agent, "terminated": terminated, "truncated": truncated and not terminated,
                "gap_before": before, "gap_after": after, "next_value": 5.0 if known else None, "noise_scale": noise,
                "policy_version": version if verdict == "author" else None, "verdict": verdict,
                "in_window": inside or place == 0,
            }  # fmt: skip
            rows.append(row)
    table = from_rows(rows, SPACE)
    try:
        batch = Batch.from_arrow(table, SPACE)
    except WindowEmpty:
        return
    judged = sources(batch, shut)
    found = told(roles(table, batch, judged))
    inside = {(row["rollout_id"], row["row_index"]) for row in rows if row["in_window"]}
    assert inside <= found.keys()
    assert all(found[row] == ("bootstrap", AFTER_WINDOW) for row in found.keys() - inside)
    by_role = {role: {row for row, (each, _) in found.items() if each == role} for role in ("trained", "gated")}
    addresses = [tuple(row.values()) for row in batch.addresses.to_pylist()]
    kept = np.concatenate([source.rows.numpy() for source in judged if source.trusted] or [np.zeros(0, int)])
    assert by_role["trained"] == {addresses[row] for row in kept}
    assert by_role["trained"] | by_role["gated"] == set(addresses)
    assert all(reason in REASONS for role, reason in found.values() if role in ("bootstrap", "left_out"))


def test_a_batch_s_hashes_name_the_tensor_that_differs():
    batch = Batch.from_arrow(from_rows(drive(3), SPACE), SPACE)
    other = dataclasses.replace(batch, noise_scale=torch.nextafter(batch.noise_scale, torch.ones(2)))
    assert SimpleNamespace(**batch.hashes()).reward == other.hashes()["reward"]
    assert {name for name, value in batch.hashes().items() if other.hashes()[name] != value} == {"noise_scale"}
