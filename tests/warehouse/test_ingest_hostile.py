import gzip
import json

import pytest

from tests.warehouse.rollouts import experience, name, rows, sql, under, write, write_json
from warehouse import rejects
from warehouse.ingest import ingest

ODD_RUNS = [
    "../../x", "..", "CON", "a/b", "a\\b", "C:\\x", "x" * 300, "Ümläut 東京 🏎", " ", "run=1", "%2E%2E",
    "'; drop table rollouts; --", "a\nb", "\x1f",
]  # fmt: skip


def everything(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


BAD_HEADS = [
    {"run_id": "x" * 10_000_000}, {"run_id": "a\0b"}, {"environment": "a\0b"}, {"run_id": 7}, {"seed": 10**30},
    {"rollout_index": 2**31}, {"policy_version": 1.5}, {"observation_names": ["x"] * 15},
    {"observation_names": [""] * 15}, {"action_names": ["steer", "steer", "brake"]},
    {"action_names": ["a\0", "b", "c"]},
]  # fmt: skip
DAMAGED = [
    '{"experiences": %s, "environment": "\\ud800"}', '{"experiences": %s, "run_id": "\\udc00"}',
    '{"experiences": %s, "run_id": "\\ud800\\ud800"}', '{"experiences": %s, "seed": 1e400}', '{"experiences": %s}}',
    "[%s]",
]  # fmt: skip


def test_any_run_id_is_a_name_and_no_path(lake, tmp_path):
    for index, run in enumerate(ODD_RUNS):
        write_json(tmp_path / "in" / name(index), {"experiences": rows(start=index), "run_id": run})
    before = everything(tmp_path)
    assert len(ingest(lake, [tmp_path / "in"]).accepted) == len(ODD_RUNS)
    assert all(lake.paths.home in new.parents for new in everything(tmp_path) - before)
    partitions = list(lake.paths.experiences.rglob("*.parquet"))
    assert len(partitions) == len(ODD_RUNS)
    assert all(path.parent.parent == lake.paths.experiences for path in partitions)
    assert {run for (run,) in sql(lake, "select distinct run_id from experiences")} == set(ODD_RUNS)
    for run in ODD_RUNS:
        assert sql(lake, "select run_id, rows from rollouts where run_id = $run", run=run) == [(run, 8)]


def test_what_cannot_be_kept_or_read_is_the_file_s_own_verdict(lake, tmp_path):
    good = write(tmp_path / "in", 99)
    for index, head in enumerate(BAD_HEADS):
        write_json(tmp_path / "in" / name(index), {"experiences": rows(start=index), **head})
    for index, text in enumerate(DAMAGED, len(BAD_HEADS)):
        (tmp_path / "in" / name(index)).write_text(text % json.dumps(rows()))
    report = ingest(lake, [tmp_path / "in"])
    assert list(report.accepted) == [str(good)] and len(report.rejected_files) == len(BAD_HEADS) + len(DAMAGED)
    assert max(map(len, report.rejected_files.values())) < 2000
    for reject in rejects.rejects(lake):
        assert rejects.raw(lake, reject.reject_id) == (tmp_path / "in" / reject.file_name).read_bytes()


@pytest.mark.parametrize("field", [
    {"unknown": "x" * 10_000_000}, {"unknown": {"a": [{"b": 10**400}]}}, {"unknown": None},
    {"action": {"Steer": 1, "steer": 2}},
], ids=lambda field: next(iter(field)))  # fmt: skip
def test_the_other_rows_survive_an_odd_row(lake, tmp_path, field):
    experiences = rows()
    experiences[3] |= field
    report = ingest(lake, [write_json(tmp_path / name(0), {"experiences": experiences, "extra": field})])
    assert sum(report.accepted.values()) == (7 if "action" in field else 8)


@pytest.mark.parametrize(("old", "new"), [
    ('"reward": 0.03', '"reward": 9.0, "reward": 0.03'),
    ('"reward": 0.03', r'"unknown": "\\\"nan\\", "reward": 0.03'),
    ('"reward": 0.03', '"unknown": ' + "[" * 200 + "]" * 200 + ', "reward": 0.03'),
])  # fmt: skip
def test_json_may_say_more_than_the_contract(lake, tmp_path, old, new):
    path = write_json(tmp_path / name(0), {"experiences": rows()})
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert ingest(lake, [path]).accepted == {str(path): 8}
    assert sql(lake, "select reward from experiences where row_index = 3")[0][0] == pytest.approx(0.03)


def test_words_in_strings_are_strings(lake, tmp_path):
    path = write(tmp_path, 0, [experience(0, advantage=float("nan")), *rows(3)], extra={"environment": 'nan "inf" \\'})
    assert b"nan" in path.read_bytes()
    assert ingest(lake, [path]).accepted == {str(path): 4}
    assert sql(lake, "select environment from rollouts") == [('nan "inf" \\',)]


def test_rows_that_are_no_objects_are_kept_word_for_word(lake, tmp_path):
    text = json.dumps({"copy": rows()[0], "word": "", "experiences": rows()})
    path = tmp_path / name(0)
    odd = ["nan", "-nan(ind)", '""', "1", "[1, 2]", "null"]
    path.write_text(text.replace('"experiences": [', f'"experiences": [{", ".join(odd)}, '))
    assert sum(ingest(lake, [path]).accepted.values()) == 8
    assert [rejects.raw(lake, one.reject_id).decode() for one in rejects.rejects(lake)] == odd


def test_a_bomb_is_rejected_and_kept_small(lake, tmp_path):
    path = tmp_path / f"{name(0)}.gz"
    path.write_bytes(gzip.compress(b" " * 2**22))
    assert "more than 1 MiB" in ingest(under(lake, max_file_mib=1), [path]).rejected_files[str(path)]
    assert sum(file.stat().st_size for file in everything(lake.paths.home / "rejects")) < 10_000


def test_terms_that_differ_in_case_between_files_are_both_asked_for_by_sql(lake, tmp_path):
    for index, term in enumerate(["Speed", "speed"]):
        write(tmp_path / "in", index, [experience(index, reward_terms={term: index + 1})])
    assert len(ingest(lake, [tmp_path / "in"]).accepted) == 2
    assert len(sql(lake, "select * from experiences")) == 2


def test_a_state_may_have_hundreds_of_numbers(lake, tmp_path):
    experiences = [experience(number, width=300, action={"a": 1}) for number in range(3)]
    assert list(ingest(lake, [write_json(tmp_path / name(0), {"experiences": experiences})]).accepted.values()) == [3]
