import gzip
import os
import re
import time
from pathlib import Path

import pytest

from tests.warehouse import bad_files
from tests.warehouse.rollouts import experience, name, rows, snapshot, sql, write
from warehouse import rejects
from warehouse.ingest import ingest
from warehouse.ingest_report import IngestReport


def verdict(report: IngestReport, path) -> dict:
    """One file's part of a report, in the words of the contract."""
    key, found = str(path), []
    if key in report.accepted:
        reasons = report.rejected_rows.get(key, [])
        lost = [int(re.match(r"experiences\[(\d+)\]", reason)[1]) for reason in reasons]
        found.append({"file": "accepted", "rejected_rows": lost, "accepted": report.accepted[key]})
        if key in report.warnings:
            found[-1]["warning"] = report.warnings[key][0].split()[0]
    if key in report.rejected_files:
        found.append({"file": "rejected"})
    if key in report.duplicates:
        found.append({"file": "duplicate", "of": report.duplicates[key]})
    if key in report.ignored:
        found.append({"file": "ignored"})
    found += [{"file": "known"}] * (key in report.known) + [{"file": "left"}] * (key in report.left)
    assert len(found) == 1, f"{path.name} is in {found}"
    return found[0]


@pytest.fixture
def bad(lake, tmp_path):
    folder = tmp_path / "bad"
    expected = bad_files.make(folder)
    return folder, expected, ingest(lake, [folder])


def test_every_bad_file_gets_what_the_contract_says(bad):
    folder, expected, report = bad
    assert {name: verdict(report, folder / name) for name in expected} == expected


def test_raw_text_of_every_reject_is_what_the_file_holds(lake, bad):
    folder, expected, _ = bad
    listed = rejects.rejects(lake)
    assert len(listed) == sum(
        1 if one["file"] == "rejected" else len(one.get("rejected_rows", [])) for one in expected.values()
    )
    for reject in listed:
        kept, content = rejects.raw(lake, reject.reject_id), (folder / reject.file_name).read_bytes()
        if reject.row_index is None:
            assert kept == content, reject.file_name
            continue
        assert kept in content and content.count(kept) == 1 and kept.startswith(b"{") and kept.endswith(b"}")
        # Unreal opens a row with a brace on two tabs: so many stand before it
        assert content[: content.index(kept)].count(b"\r\n\t\t{") == reject.row_index, reject
        assert reject.reason.startswith(f"experiences[{reject.row_index}]")
    words = [rejects.raw(lake, one.reject_id) for one in listed if one.file_name == name(7, 7)]
    assert len(words) == 1 and b'"reward": nan' in words[0]


def test_reasons_say_where_what_and_what_was_wanted(bad):
    folder, _, report = bad
    reasons = {int(path.rpartition("rollout_")[2].split("_")[0]): told for path, told in report.rejected_rows.items()}
    assert reasons[7] == ["experiences[3].reward: not finite (a bare nan or inf word)"]
    assert reasons[8] == ["experiences[9].state has 14 numbers, the file's others have 15"]
    assert reasons[9] == ["experiences[5].action.steer is 3.5: it is outside [-1, 1]"]
    assert reasons[12] == ["experiences[8]: Object missing required field log_prob"]
    assert reasons[25] == ["experiences[2].state[0]: not finite (a bare nan or inf word)"]
    assert reasons[26] == ["experiences[4].action.steer: not finite (a bare nan or inf word)"]
    assert reasons[32] == ["experiences[4].next_value is inf: it is not finite in float32"]
    assert "9 of 16 rows are unusable" in report.rejected_files[str(folder / name(14, 14))]


def test_nothing_of_a_rejected_file_is_in_the_lake(lake, bad):
    folder, expected, report = bad
    accepted = {file: one["accepted"] for file, one in expected.items() if one["file"] == "accepted"}
    assert dict(sql(lake, "select file_name, rows from rollouts")) == accepted
    assert sql(lake, "select count(*) from experiences") == [(sum(accepted.values()),)]
    assert {str(folder / file) for file in accepted} == set(report.accepted)


def test_bad_files_ingested_again_change_nothing(lake, bad):
    folder, expected, _ = bad
    before = snapshot(lake)
    again = ingest(lake, [folder])
    assert not again.rejected and not again.accepted and not again.left
    assert len(again.known_rejects) == sum(one["file"] == "rejected" for one in expected.values())
    retried = ingest(lake, [folder], retry_rejected=True)
    assert len(retried.rejected_files) == len(again.known_rejects) and not retried.accepted
    assert snapshot(lake) == before


def test_two_broken_files_of_the_same_bytes_are_both_listed(lake, tmp_path):
    for index in range(2):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name(index)).write_bytes(b"")
    assert len(ingest(lake, [tmp_path / "in"]).rejected_files) == 2
    (tmp_path / "in" / name(2)).write_bytes(b"")
    assert list(ingest(lake, [tmp_path / "in"]).rejected_files) == [str(tmp_path / "in" / name(2))]
    assert [one.file_name for one in rejects.rejects(lake)] == [name(index) for index in range(3)]
    write(tmp_path / "in", 1)
    ingest(lake, [tmp_path / "in"])
    assert [one.file_name for one in rejects.rejects(lake)] == [name(0), name(2)]
    assert len(rejects.rejects(lake, resolved=True)) == 3


def test_a_copy_of_a_file_that_was_rejected_for_its_rows_is_rejected_too(lake, tmp_path):
    for second in range(2):
        write(tmp_path, 0, [experience(0, log_prob=60.0)], name=name(second, second))
    report = ingest(lake, [tmp_path / name(0, 0), tmp_path / name(1, 1)])
    assert len(report.rejected_files) == 2 and not report.duplicates


def test_a_file_is_out_when_more_than_half_of_its_rows_are(lake, tmp_path):
    flaws = [{"reward": float("nan")}, {"log_prob": 60.0}, {"action": {"steer": 3.5, "throttle": 0, "brake": 0}}]
    for index, flaw in enumerate(flaws):
        for bad in (8, 9):
            experiences = rows(16, start=100 * index)
            for place in range(bad):
                experiences[-1 - place] |= flaw
            write(tmp_path / "in", index, experiences, name=f"rollout_{index}_{bad}.json")
    report = ingest(lake, [tmp_path / "in"])
    assert report.accepted == {str(tmp_path / "in" / f"rollout_{index}_8.json"): 8 for index in range(3)}
    assert len(report.rejected_files) == 3


def test_losses_of_every_kind_add_up_to_more_than_half(lake, tmp_path):
    flaws = [{"reward": float("nan")}] * 3 + [{"log_prob": 60.0}] * 3 + [{"state": [1.0]}] * 3
    experiences = [row | flaw for row, flaw in zip(rows(16), flaws + [{}] * 7, strict=True)]
    report = ingest(lake, [write(tmp_path, 0, experiences)])
    assert next(iter(report.rejected_files.values())).startswith("9 of 16 rows are unusable")


def test_exported_rejects_are_the_files_themselves(lake, bad, tmp_path):
    folder, expected, _ = bad
    copies = rejects.export(lake, tmp_path / "mend")
    assert len(copies) == sum(one["file"] == "rejected" for one in expected.values())
    for copy, origin in copies.items():
        assert Path(origin) == folder / copy.name
        assert copy.read_bytes() == Path(origin).read_bytes()
    mended = next(iter(copies))
    mended.write_bytes(b"mine")
    rejects.export(lake, tmp_path / "mend")
    assert mended.read_bytes() == b"mine"


def test_a_whole_file_that_is_completed_later_resolves_its_reject(lake, tmp_path):
    whole = write(tmp_path, 0).read_bytes()
    path = tmp_path / name(0)
    path.write_bytes(whole[:500])
    assert ingest(lake, [tmp_path / name(0)]).rejected_files
    path.write_bytes(whole)
    report = ingest(lake, [path])
    assert list(report.accepted) == [str(path)] and rejects.rejects(lake) == []
    assert rejects.rejects(lake, resolved=True)[0].resolved_by == report.rollouts[0]


def test_a_damaged_gz_is_rejected_as_it_is(lake, tmp_path):
    raw = gzip.compress(write(tmp_path, 0).read_bytes())[:-20]
    path = tmp_path / f"{name(1)}.gz"
    path.write_bytes(raw)
    old = time.time() - 60
    os.utime(path, (old, old))
    report = ingest(lake, [path])
    assert "gzip data are damaged" in report.rejected_files[str(path)]
    assert rejects.raw(lake, rejects.rejects(lake)[0].reject_id) == raw
