"""What stands on a page, read back by an HTML parser."""

import logging
from html.parser import HTMLParser

import pytest

from flows.reporter import Reporter
from flows.reporting import report, report_if_possible
from tests.ppo.contract import leaves_files_open
from tests.reports import lakes
from warehouse.lake import Lake

pytestmark = leaves_files_open
PARTS = (
    "evaluation", "episodes", "update", "learning", "training-data", "health", "actions", "rewards", "calibration",
    "difference", "lineage",
)  # fmt: skip


class Page(HTMLParser):
    """Elements, their attributes, and the text that a person reads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.elements, self.words = html, [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str, **attributes: str) -> int:
        return sum(name == tag and attributes.items() <= found.items() for name, found in self.elements)


def page_of(lake: Lake, version: int) -> Page:
    return Page(report(lake, version).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("driven")
    with lakes.empty(root / "home") as lake:
        lakes.driven(lake, root)
        yield lake


@pytest.fixture(scope="module")
def page(home):
    return page_of(home, 2)


def test_a_report_has_every_part_ten_numbers_and_a_verdict(page):
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert ids >= set(PARTS)
    assert page.count("span", **{"class": "value"}) == 10 and page.count("span", **{"class": "none"}) == 0
    assert "Version 2 drives better than its parent 1: score (laps)" in page.text
    assert "2 rollouts with 240 experiences of 1 run, collected by version 1, its parent" in page.text
    assert "Before: 16 whole episodes driven by version 1; after: 8 whole episodes driven by version 2" in page.text
    assert "8 drives of Racing on 4 tracks with 2 cars each" in page.text
    assert "The rollouts give one reward and no terms" in page.text


def test_every_figure_says_what_to_see_and_no_two_ids_are_alike(page):
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) == page.count("figure") > 15
    assert page.count("title") - 1 == page.count("desc") == len(pictures)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in pictures:
        assert set(attributes["aria-labelledby"].split()) <= set(ids)
    assert not {attributes["href"][1:] for tag, attributes in page.elements if tag in ("a", "use")} - set(ids)


def test_a_report_needs_nothing_beside_it_and_is_small(page):
    assert len(page.html.encode()) < 1_000_000
    outside = [
        value for _, attributes in page.elements for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action") and not value.startswith(("#", "data:"))
    ]  # fmt: skip
    assert outside == [] and page.count("script") == page.count("iframe") == 0
    assert "@import" not in page.html and page.html.count("http") == page.html.count("http://www.w3.org/2000/svg") + 1


def test_the_same_lake_gives_the_same_bytes(home, page, tmp_path):
    there = home.paths.home / "reports" / "v00002.html"
    assert there.read_text(encoding="utf-8") == page.html
    assert report(home, "latest", tmp_path / "again.html").read_bytes() == there.read_bytes()


def test_names_of_strangers_stay_text(tmp_path):
    with lakes.empty(tmp_path / "home") as lake:
        lakes.of_strangers(lake, tmp_path / "in")
        page = page_of(lake, 1)
    for name in (lakes.SCRIPT, lakes.PICTURE, lakes.BOLD, lakes.DOLLARS):
        assert name in page.text
    assert page.count("script") == page.count("img") == page.count("b") == 0
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "collected by a policy that nobody registered" in page.text


def test_what_is_not_known_says_why_and_how_to_know_it(tmp_path):
    with lakes.empty(tmp_path / "home") as lake:
        lakes.imported(lake)
        page = page_of(lake, 1)
    assert page.count("div", **{"class": "tile empty"}) == 10
    assert page.count("span", **{"class": "value"}) == 0
    assert "It was imported, so nothing is known of its training" in page.text
    for words in (
        "Version 1 was not evaluated yet: pitwall evaluate 1",
        "pitwall drive 1 --to drives",
        "has no parent",
    ):
        assert words in page.text
    assert {attributes.get("id") for _, attributes in page.elements} >= set(PARTS)


def test_a_window_whose_rows_are_gone_leaves_the_rest_of_the_page(tmp_path):
    with lakes.empty(tmp_path / "home") as lake:
        lakes.driven(lake, tmp_path)
        for path in lake.paths.experiences.rglob("*.parquet"):
            path.unlink()
        page = page_of(lake, 2)
    assert "pitwall verify" in page.text and "Drives that finish a lap" in page.text
    assert "experiences/run=" in page.text and str(tmp_path) not in page.text  # the page may be sent to others
    assert page.count("svg") > 6


def test_a_report_that_fails_is_told_and_harms_nothing(tmp_path, caplog):
    with lakes.empty(tmp_path / "home") as lake:
        lakes.imported(lake)
        (lake.paths.home / "reports").write_text("in the way", encoding="utf-8")
        with caplog.at_level(logging.WARNING, "pitwall"):
            assert report_if_possible(lake, 1, Reporter()) is None
    (line,) = [record.message for record in caplog.records]
    assert "version 1 stands" in line and "cannot be written" in line and "pitwall report 1" in line
