"""Whole folders of mutated documents through the real ingest, on both databases."""

import random
import re
from contextlib import suppress

import pytest

from schemas.errors import QueryRejected
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import rollouts
from tests.warehouse.rollouts import name, snapshot, sql
from tests.warehouse.test_ingest_bad import verdict
from warehouse import rejects
from warehouse.ingest import ingest
from warehouse.query import run
from warehouse.questions import questions

FILES = 80


@pytest.mark.parametrize("seed", [1, 2])
def test_every_file_of_a_mutated_folder_gets_exactly_one_verdict(lake, tmp_path, seed):
    source, seeds, folder = random.Random(seed), rollouts(), tmp_path / "in"
    folder.mkdir()
    for index in range(FILES):
        (folder / name(index)).write_bytes(mutated(source.choice(seeds), source))
    outside = {path for path in tmp_path.rglob("*") if lake.paths.home not in path.parents}
    report = ingest(lake, [folder])
    verdicts = {path: verdict(report, path) for path in sorted(folder.iterdir())}
    assert len(verdicts) == FILES and {"accepted", "rejected"} <= {one["file"] for one in verdicts.values()}
    accepted = {path.name: one["accepted"] for path, one in verdicts.items() if one["file"] == "accepted"}
    assert dict(sql(lake, "select file_name, rows from rollouts")) == accepted
    assert sql(lake, "select count(*) from experiences") == [(sum(accepted.values()),)]
    for reject in rejects.rejects(lake):
        assert len(reject.reason) <= 1000 and re.search(r"\w", reject.reason)
        content = (folder / reject.file_name).read_bytes()
        kept = rejects.raw(lake, reject.reject_id)
        assert kept == content or reject.row_index is not None or content[:2] == b"\x1f\x8b"
    assert outside == {path for path in tmp_path.rglob("*") if lake.paths.home not in path.parents}
    before = snapshot(lake)
    again = ingest(lake, [folder])
    assert not again.accepted and not again.rejected and snapshot(lake) == before


def test_every_question_about_such_a_lake_is_answered(lake, tmp_path):
    source, seeds, folder = random.Random(3), rollouts(), tmp_path / "in"
    folder.mkdir()
    for index in range(40):
        (folder / name(index)).write_bytes(mutated(source.choice(seeds), source))
    ingest(lake, [folder])
    for question in questions().values():
        with suppress(QueryRejected):  # a question that wants a parameter
            run(lake, question.statement, question.bind({}))
