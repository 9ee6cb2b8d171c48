"""The page in a real browser that has no network."""

import pytest

from flows.reporting import report
from tests.browser import browser
from tests.ppo.contract import leaves_files_open
from tests.reports import lakes

pytestmark = [pytest.mark.slow, leaves_files_open]
_SMALL = """return [...document.querySelectorAll('svg')].filter(svg => {
    const box = svg.getBoundingClientRect(); return box.width < 150 || box.height < 30; }).length"""
_UNSEEN = """return [...document.querySelectorAll('svg text')].filter(text =>
    getComputedStyle(text).fill === getComputedStyle(document.querySelector('section')).backgroundColor
    && text.textContent.length > 3).length"""


def test_a_report_opens_offline_without_complaint_on_every_screen(tmp_path):
    with lakes.empty(tmp_path / "home") as lake:
        lakes.driven(lake, tmp_path)
        lakes.of_strangers(lake, tmp_path / "in")
        pages = [report(lake, version) for version in (1, 2, 3)]
    with browser(tmp_path / "profile") as window:
        window.requests()
        for page in pages:
            for width, scheme in ((1280, "light"), (400, "dark")):
                window.view(width, 800, scheme)
                window.open(page.as_uri())
                assert window.complaints() == []
                assert window.requests() == [page.as_uri()]
                assert window.run(_SMALL) == 0
                assert window.run(_UNSEEN) == 0
                assert window.run("return document.documentElement.scrollWidth") <= width
                assert "report of a version" in window.run("return document.body.innerText")
                paper = window.run("return getComputedStyle(document.body).backgroundColor")
                assert (paper == "rgb(245, 246, 248)") == (scheme == "light")
        assert window.picture()[:4] == b"\x89PNG"
        window.open(pages[-1].as_uri())
        assert window.run("return document.title") == "Version 3 · Pitwall report"
