"""A real browser without a network: Debian's Chromium, spoken to through its driver's own protocol (W3C WebDriver).

No other page can be reached: every host name is unknown to it, and every address goes to a proxy that is not there.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
)  # fmt: skip


class Browser:
    """One window."""

    def __init__(self, address: str) -> None:
        self.address = address

    def view(self, width: int, height: int, scheme: str = "light") -> None:
        """A screen of this size, of a person who wants it light or dark."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self._devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path: Path) -> None:
        self._ask("POST", "url", {"url": path.absolute().as_uri()})

    def run(self, script: str) -> Any:
        """What the script returns; it is run whatever the page allows."""
        return self._ask("POST", "execute/sync", {"script": script, "args": []})

    def complaints(self) -> list[str]:
        """Lines of the console since the last call."""
        return [line["message"] for line in self._ask("POST", "se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call."""
        events = [
            json.loads(line["message"])["message"] for line in self._ask("POST", "se/log", {"type": "performance"})
        ]
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    def picture(self, whole: bool = False) -> bytes:
        """PNG of the screen, or of the whole page."""
        return base64.b64decode(self._devtools("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def _devtools(self, command: str, **parameters: Any) -> Any:
        return self._ask("POST", "goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return _send(f"{self.address}/{path}", method, body)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver here; on Debian: apt-get install chromium chromium-driver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = subprocess.Popen(
        [driver, f"--port={port}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    root = f"http://127.0.0.1:{port}"
    try:
        _until_ready(root)
        options = {"binary": program, "args": [*_FLAGS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        made = _send(f"{root}/session", "POST", {"capabilities": {"alwaysMatch": wanted}})
        address = f"{root}/session/{made['sessionId']}"
        try:
            yield Browser(address)
        finally:
            _send(address, "DELETE")
    finally:
        process.terminate()
        process.wait(30)


def _until_ready(root: str) -> None:
    for _ in range(100):
        try:
            if _send(f"{root}/status", "GET")["ready"]:
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail("chromedriver does not answer")


def _send(address: str, method: str, body: object = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, raw, {"Content-Type": "application/json"}, method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error
