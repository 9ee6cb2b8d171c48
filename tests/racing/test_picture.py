import json

import numpy as np
import pytest

from racing.driver import Driver
from racing.errors import DriveRejected
from racing.evaluation import evaluate
from racing.picture import picture
from racing.trace import Trace
from racing.track import TEST_TRACKS, Track
from tests.racing import policies

SEED = TEST_TRACKS[3]


def driver(caution):
    return Driver.read(json.dumps(policies.thought_up(caution) | {"pitwall": {"version": 7}}).encode())


def size(path):
    """Width and height in a PNG's header."""
    raw = path.read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n") and raw.endswith(b"IEND\xaeB`\x82")
    return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")


def test_a_lap_is_drawn_and_the_title_says_who_where_and_how_fast(tmp_path):
    title = picture(driver(1.5), SEED, tmp_path / "new" / "line.png")
    metres = round(Track.draw(SEED).length)
    assert title.startswith(f"version 7 on track {SEED}: a lap of {metres} m in ") and title.endswith(" km/h")
    width, height = size(tmp_path / "new" / "line.png")
    assert width == 1440 and height > 700
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["line.png"]


def test_a_crash_is_drawn_where_it_happened(tmp_path):
    title = picture(driver(0.6), SEED, tmp_path / "line.svg")
    assert f"version 7 on track {SEED}: crashed after " in title
    assert b"</svg>" in (tmp_path / "line.svg").read_bytes()[-20:]


def test_the_line_is_the_one_that_an_evaluation_drives():
    trace, drive = Trace.drive(driver(1.5), SEED), evaluate(driver(1.5), tracks=[SEED], cars=1)[0]
    assert (trace.finished, trace.crashed, trace.progress) == (True, False, drive.progress)
    assert len(trace.x) == drive.length and trace.speed.mean() == pytest.approx(drive.speed)
    track = Track.draw(SEED)
    away = np.hypot(trace.x[:, None] - track.x, trace.y[:, None] - track.y)
    assert (away.min(1) < track.half_width[away.argmin(1)]).all()


def test_a_picture_of_no_known_kind_is_refused_and_a_folder_is_no_file(tmp_path):
    with pytest.raises(DriveRejected, match=r"line\.bmp: a picture of kind '\.bmp', wanted one of \.png"):
        picture(driver(1.5), SEED, tmp_path / "line.bmp")
    (tmp_path / "line.png").mkdir()
    with pytest.raises(DriveRejected, match=r"line\.png: cannot be written"):
        picture(driver(0.6), SEED, tmp_path / "line.png")
    assert [path.name for path in tmp_path.iterdir()] == ["line.png"]
