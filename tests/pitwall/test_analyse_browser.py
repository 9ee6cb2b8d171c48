"""The analysis app in Chromium, with nothing but this machine in reach: are there marks, do they follow a choice?"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Keys

from schemas.settings import Settings
from tests.browser import Browser, browser, wait
from tests.pitwall.running import Running
from tests.warehouse.rows import Row, add_rollout
from warehouse.lake import Lake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for one process's Ctrl-C"),
]
HOSTILE = "<img src=x onerror=document.title=1>"
_DEEP = """
const deep = (root) => [...root.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? deep(e.shadowRoot) : [])]);
"""


class Page:
    """A page of marimo, whose elements lie in shadow roots."""

    def __init__(self, window: Browser) -> None:
        self.window = window

    def elements(self, condition: str) -> list[Any]:
        """Elements `e` of which a condition in JavaScript holds."""
        found: list[Any] = self.window.run(f"{_DEEP} return deep(document).filter((e) => {condition})")
        return found

    def click(self, condition: str) -> None:
        element = wait(lambda: self.elements(condition)[0])
        self.window.run("arguments[0].scrollIntoView({block: 'center'})", element)
        self.window.hand().click(element).perform()

    def point_at_chart(self) -> None:
        [chart] = self.elements("e.tagName === 'CANVAS' && e.classList.contains('marks')")
        self.window.hand().scroll_to_element(chart).move_to_element_with_offset(chart, -250, 0).perform()

    def section(self, name: str) -> None:
        self.click(f"e.getAttribute('role') === 'tab' && e.textContent.trim() === '{name}'")

    def drawn(self) -> list[tuple[int, str]]:
        """Of every chart: its coloured pixels (every third one is looked at), and a hash of the picture."""
        pictures: list[tuple[int, str]] = self.window.run(
            f"""{_DEEP}
            return deep(document).filter((e) => e.tagName === 'CANVAS' && e.classList.contains('marks')).map((e) => {{
                const p = e.getContext('2d').getImageData(0, 0, e.width, e.height).data;
                let coloured = 0;
                for (let at = 0; at < p.length; at += 12)
                    if (Math.max(p[at], p[at + 1], p[at + 2]) - Math.min(p[at], p[at + 1], p[at + 2]) > 40) coloured++;
                return [coloured, e.toDataURL()];
            }})"""
        )
        return [(coloured, hashlib.sha256(picture.encode()).hexdigest()) for coloured, picture in pictures]

    def charts(self, number: int = 1) -> list[tuple[int, str]]:
        """What is drawn, once that many charts have marks."""
        return wait(lambda: shown if len(shown := [c for c in self.drawn() if c[0] > 10]) >= number else None)

    def says(self, words: str) -> None:
        wait(lambda: self.elements(f"e.children.length === 0 && e.textContent.includes({json.dumps(words)})"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile"), this_machine=True) as window:
        window.view(1440, 1900)
        yield Page(window)


@pytest.fixture(scope="module")
def app(driven: Path) -> Iterator[Running]:
    running = Running(driven)
    yield running
    running.stop()


def test_every_section_has_marks_and_nothing_comes_from_elsewhere(page: Page, app: Running) -> None:
    page.window.open(app.url)
    before: list[tuple[int, str]] = []
    for section, charts in [("Returns", 1), ("Episodes", 1), ("Reward", 1), ("Compare", 3), ("Drift", 1)]:
        page.section(section)
        page.says({"Compare": "Two versions", "Episodes": "Episode explorer"}.get(section, section))
        before = wait(lambda charts=charts, before=before: new if (new := page.charts(charts)) != before else None)
    assert {urlsplit(url).hostname for url in page.window.requests()} == {"127.0.0.1"}


def test_another_episode_is_another_picture(page: Page, app: Running) -> None:
    page.window.open(app.url)
    page.section("Episodes")
    page.says("the car sees exactly what was recorded")
    [before] = page.charts()
    page.point_at_chart()
    [before] = wait(lambda: new if (new := page.charts()) != [before] else None)  # a rule where the pointer is
    page.click("e.getAttribute('role') === 'checkbox' && e.getAttribute('data-state') === 'unchecked'")
    assert wait(lambda: [c for c in page.charts() if c != before])


def test_sql_of_one_s_own_is_answered_and_a_write_is_refused(page: Page, app: Running) -> None:
    page.window.open(app.url)
    page.section("SQL")
    for statement, told in [
        ("select 6 * 7000001 as answer", "42,000,006"),
        ("drop table catalog.runs", "DROP is refused"),
    ]:
        page.click("e.classList.contains('cm-content')")
        keys = page.window.hand().key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
        keys.send_keys(Keys.DELETE, statement).perform()
        time.sleep(0.5)  # the editor tells its text a moment later
        page.click("e.tagName === 'BUTTON' && e.textContent.trim() === 'Ask'")
        page.says(told)


def test_an_empty_lake_says_what_to_do_and_names_of_files_are_no_markup(page: Page, tmp_path: Path) -> None:
    Lake.open(Settings.load(home=tmp_path / "home")).catalog.engine.dispose()
    running = Running(tmp_path / "home")
    try:
        page.window.open(running.url)
        page.says("The lake is empty.")
        lake = Lake.open(Settings.load(home=tmp_path / "home"))
        add_rollout(lake, HOSTILE, 0, [Row(0, step, terminated=step == 3) for step in range(4)])
        lake.catalog.engine.dispose()
        page.click("e.tagName === 'BUTTON' && e.textContent.trim() === 'Read the lake again'")
        wait(lambda: not page.elements("e.children.length === 0 && e.textContent === 'The lake is empty.'"))
        page.section("Episodes")
        page.says("do not say where the car was")
        page.charts()
        assert not page.elements("e.tagName === 'IMG' && e.getAttribute('src') === 'x'")
        assert page.window.run("return document.title") == "Pitwall"
    finally:
        running.stop()
