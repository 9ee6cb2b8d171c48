import os
import threading
import time

import pytest

from schemas.errors import SettingsRejected
from tests.warehouse.rollouts import name, rows, sql, under, write
from warehouse import source_file
from warehouse.ingest import ingest
from warehouse.landing import engine_order, look


def test_a_slowly_growing_file_is_left_and_goes_in_later(lake, tmp_path):
    lake = under(lake, settle_seconds=0.3)
    whole = write(tmp_path / "done", 0, rows(64)).read_bytes()
    path, step = tmp_path / "in" / name(0), len(whole) // 10
    path.parent.mkdir()
    path.write_bytes(whole[:step])

    def append():
        with path.open("ab", buffering=0) as file:
            for start in range(step, len(whole), step):
                time.sleep(0.1)
                file.write(whole[start : start + step])

    writer = threading.Thread(target=append)
    writer.start()
    report = ingest(lake, [path.parent])
    writer.join()
    assert report.left == {str(path): "still growing"} and not report.rejected
    assert ingest(lake, [path.parent]).accepted == {str(path): 64}
    assert sql(lake, "select count(*) from rejects") == [(0,)]


def test_a_broken_file_that_was_just_copied_is_rejected_in_the_same_call(lake, tmp_path):
    path = write(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:700])
    assert list(ingest(lake, [path]).rejected_files) == [str(path)]


def test_an_old_broken_file_is_not_waited_for(lake, tmp_path):
    path = write(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:700])
    os.utime(path, (1, 1))
    began = time.perf_counter()
    assert ingest(under(lake, settle_seconds=30.0), [path]).rejected_files
    assert time.perf_counter() - began < 20


def test_a_vanished_file_is_left(lake, tmp_path, monkeypatch):
    paths = [write(tmp_path / "in", index) for index in range(2)]
    read = source_file.stat

    def vanish(path):
        seen = read(path)
        paths[1].unlink(missing_ok=True)
        return seen

    monkeypatch.setattr(source_file, "stat", vanish)
    report = ingest(lake, [tmp_path / "in"])
    assert list(report.accepted) == [str(paths[0])] and list(report.left) == [str(paths[1])]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_left(lake, tmp_path):
    good, closed, folder = write(tmp_path / "in", 0), write(tmp_path / "in", 1), write(tmp_path / "in" / "x", 2).parent
    closed.chmod(0)
    folder.chmod(0)
    report = ingest(lake, [tmp_path / "in"])
    folder.chmod(0o755)
    assert list(report.accepted) == [str(good)] and set(report.left) == {str(closed), str(folder)}


def test_links_are_not_walked_in_circles(tmp_path):
    path = write(tmp_path / "in" / "s", 0)
    try:
        (tmp_path / "in" / "s" / "up").symlink_to(tmp_path / "in", target_is_directory=True)
        (tmp_path / "in" / "rollout_9_self.json").symlink_to(tmp_path / "in" / "rollout_9_self.json")
        (tmp_path / "in" / "rollout_8_gone.json").symlink_to(tmp_path / "nowhere")
        (tmp_path / "alias").symlink_to(tmp_path / "in", target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege here")
    assert [one.path for one in look([tmp_path / "in"]).files] == [path]
    assert [one.source for one in look([tmp_path / "alias"]).files] == [path.parent.as_posix()]


def test_names_of_any_kind_are_names(lake, tmp_path):
    folders = ["with space", "Ümläut 東京", "it's; drop table rollouts --", "%41{version}", "a.b=c", "x" * 200]
    paths = [write(tmp_path / folder, index) for index, folder in enumerate(folders)]
    paths += [write(tmp_path / folder, 9 + n, name=f"rollout_{folder}.json") for n, folder in enumerate(folders)]
    assert set(ingest(lake, [tmp_path]).accepted) == set(map(str, paths))
    assert {run for (run,) in sql(lake, "select distinct run_id from experiences")} == set(folders)
    again = ingest(lake, [tmp_path])
    assert not again.accepted and len(again.known) == len(paths)


def test_a_name_that_is_no_text_is_passed_over(lake, tmp_path):
    good = write(tmp_path / "in", 0)
    try:
        os.link(good, os.fsencode(tmp_path / "in") + b"/rollout_\xff.json")
    except (OSError, UnicodeError):
        pytest.skip("this file system has text names alone")
    report = ingest(lake, [tmp_path / "in"])
    assert list(report.accepted) == [str(good)]
    assert "not Unicode" in next(iter(report.ignored.values()))


def test_only_rollouts_are_taken_from_a_folder(tmp_path):
    write(tmp_path / "in", 0)
    for other in (
        "best_run.json",
        "rollout_1.txt",
        "rollout_2.json.tmp",
        "ROLLOUT_3_x.JSON",
        "rollout_4_x.json.gz.TMP",
    ):
        (tmp_path / "in" / other).write_bytes(b"{}")
    landing = look([tmp_path / "in"])
    assert [one.path.name for one in sorted(landing.files, key=engine_order)] == ["ROLLOUT_3_x.JSON", name(0)]
    assert len(landing.ignored) == 4


def test_a_file_named_outright_is_taken_unless_it_is_being_written(lake, tmp_path):
    odd, growing = write(tmp_path, 0, name="mine.json"), write(tmp_path, 1, name=name(1) + ".tmp")
    report = ingest(lake, [odd, growing])
    assert list(report.accepted) == [str(odd)] and report.ignored == {str(growing): "still being written"}


def test_an_empty_folder_is_nothing_and_a_missing_one_an_error(lake, tmp_path):
    (tmp_path / "in").mkdir()
    report = ingest(lake, [tmp_path / "in"])
    assert not (report.accepted or report.rejected or report.left or report.ignored)
    with pytest.raises(SettingsRejected, match="no such folder"):
        ingest(lake, [tmp_path / "nowhere"])


def test_files_are_kept_unless_told_otherwise(lake, tmp_path):
    path = write(tmp_path / "in", 0)
    before = path.read_bytes(), path.stat().st_mtime_ns
    ingest(lake, [tmp_path / "in"])
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("what", ["archive", "delete"])
def test_files_go_after_the_commit_and_rejected_ones_stay(lake, tmp_path, what, monkeypatch):
    lake = under(lake, source_files=what, settle_seconds=0.01)
    good, bad, twin = (tmp_path / "in" / name(index) for index in range(3))
    content = write(tmp_path / "in", 0).read_bytes()
    bad.write_bytes(b"{")
    twin.write_bytes(content)
    from warehouse import ledger

    def fails(*_):
        assert good.exists() and twin.exists()
        raise OSError("the catalog's machine is off")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "commit", fails)
        with pytest.raises(OSError, match="is off"):
            ingest(lake, [tmp_path / "in"])
    assert good.read_bytes() == content == twin.read_bytes()
    report = ingest(lake, [tmp_path / "in"])
    assert list(report.accepted) == [str(good)] and not report.warnings
    assert list((tmp_path / "in").iterdir()) == [bad]
    if what == "archive":
        archived = lake.settings.home / "archived" / "in"
        assert {path.name: path.read_bytes() for path in archived.iterdir()} == {good.name: content, twin.name: content}


def test_an_archive_keeps_both_files_of_one_name(lake, tmp_path):
    lake = under(lake, source_files="archive", archive=tmp_path / "in" / "old")
    contents = [write(tmp_path / "in", 0, rows(start=100 * number)).read_bytes() for number in range(3)]
    for content in contents:
        (tmp_path / "in" / name(0)).write_bytes(content)
        ingest(lake, [tmp_path / "in"])
    ingest(lake, [tmp_path / "in"])  # what lies in the archive stays there
    archived = sorted((tmp_path / "in" / "old" / "in").iterdir())
    assert len(archived) == 3 and {path.read_bytes() for path in archived} == set(contents)
    assert sql(lake, "select count(*) from rollouts") == [(3,)]


def test_what_was_committed_before_a_crash_is_archived_by_the_next_ingest(lake, tmp_path):
    path = write(tmp_path / "in", 0)
    ingest(lake, [tmp_path / "in"])
    ingest(under(lake, source_files="delete"), [tmp_path / "in"])
    assert not path.exists() and sql(lake, "select count(*) from rollouts") == [(1,)]
