from tests.warehouse.rollouts import rows, sql, write
from tests.warehouse.rows import add_model
from warehouse.attributions import Verdict, pending, space_of, store
from warehouse.ingest import ingest
from warehouse.window_rows import rollout_rows


def verdict(rollout, version, noise=()):
    return Verdict(rollout, version, "author" if version else "unknown", "", 1e-7, None, noise)


def test_a_rollout_waits_until_every_version_was_tried_or_one_is_its_author(lake, tmp_path):
    for index in range(2):
        write(tmp_path / "r", index)
    ids = ingest(lake, [tmp_path / "r"]).rollouts
    add_model(lake, 1)
    space = space_of(lake, ids[0]).space_id
    assert pending(lake, 1) == [(space, "r", ids[0], None, False), (space, "r", ids[1], None, False)]
    store(lake, [verdict(ids[0], 1), verdict(ids[1], None)], 1)
    assert pending(lake, 1) == []
    add_model(lake, 2)
    assert pending(lake, 2) == [(space, "r", ids[1], None, True)]
    store(lake, [verdict(ids[1], 2)], 2)
    assert pending(lake, 2) == []


def test_a_known_author_is_never_forgotten(lake, tmp_path):
    [rollout] = ingest(lake, [write(tmp_path / "r", 0)]).rollouts
    add_model(lake, 1)
    store(lake, [verdict(rollout, 1)], 1)
    store(lake, [verdict(rollout, None)], 1)
    assert sql(lake, "select policy_version from rollouts") == [(1,)]


def test_noise_holds_from_its_step_on(lake, tmp_path):
    [rollout] = ingest(lake, [write(tmp_path / "r", 0, rows(8, agents=2))]).rollouts
    add_model(lake, 1)
    store(lake, [verdict(rollout, 1, [(0, 0, 0.2), (0, 2, 0.1), (1, 1, 0.3)])], 1)
    assert rollout_rows(lake, [rollout])["noise_scale"].to_pylist() == [0.2, 0.2, 0.1, 0.1, None, 0.3, 0.3, 0.3]


def test_a_superseded_rollout_does_not_wait(lake, tmp_path):
    flawed = rows(8)
    flawed[3]["reward"] = "?"
    ingest(lake, [write(tmp_path / "r", 0, flawed)])
    [mended] = ingest(lake, [write(tmp_path / "r", 0, rows(8))]).rollouts
    assert [rollout for _, _, rollout, *_ in pending(lake, 0)] == [mended]
