"""A real browser without a network: Debian's Chromium, driven by selenium.

Every host name is unknown to it, and every address goes to a proxy that is not there; this machine's own servers are in
reach only where a test asks for them. Where it is missing, root on Debian installs it; elsewhere the test is skipped.
"""

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service

from tests import debian

PATIENCE = 90.0
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--proxy-server=127.0.0.1:9",
)  # fmt: skip
_NOR_THIS_MACHINE = "--proxy-bypass-list=<-loopback>"
T = TypeVar("T")


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def view(self, width: int, height: int, scheme: str = "light") -> None:
        """A screen of this size, of a person who wants it light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        wish = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)

    def open(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        """What the script returns; it is run whatever the page allows."""
        return self.driver.execute_script(script, *arguments)

    def hand(self) -> ActionChains:
        """Movements of pointer and keys, to be performed."""
        return ActionChains(self.driver)

    def complaints(self) -> list[str]:
        """Lines of the console since the last call."""
        return [line["message"] for line in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that a page asked for since the last call."""
        events = [json.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("data:", "blob:", "chrome:"))]

    def picture(self, whole: bool = False) -> bytes:
        """PNG of the screen, or of the whole page."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        return base64.b64decode(shot["data"])


@contextmanager
def browser(profile: Path, this_machine: bool = False) -> Iterator[Browser]:
    """A browser with an empty profile in a folder of its own; skips the test where there is none."""
    program, driver = debian.found_or_installed(_programs, "chromium", "chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}", *([] if this_machine else [_NOR_THIS_MACHINE])):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("no_proxy", "localhost,127.0.0.1")  # selenium finds its driver here, whoever stands between
        running = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield Browser(running)
        finally:
            running.quit()


def wait(for_what: Callable[[], T | None]) -> T:
    """The first answer that is not nothing."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if found := for_what():
                return found
        except IndexError:
            pass
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.2)


def _programs() -> tuple[str, str] | None:
    """Chromium and its driver."""
    program, driver = next(filter(None, map(shutil.which, _NAMES)), None), shutil.which("chromedriver")
    return (program, driver) if program and driver else None
