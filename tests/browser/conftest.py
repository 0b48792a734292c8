"""A headless Chromium, spoken to by the DevTools protocol; tests that ask for it are skipped where none is installed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --remote-debugging-port=0"
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
START_SECONDS = 60


class Browser:
    """One page of a headless browser, and everything it said or asked for."""

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect

        self.socket = connect(address, max_size=None, max_queue=None, ping_interval=None)
        self.sent, self.events = 0, []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while (message := json.loads(self.socket.recv(timeout=60))).get("id") != self.sent:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def see(self, expression: str) -> Any:
        done = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def open(self, url: str, size: str = "desktop", scheme: str = "light") -> None:
        width, height = SIZES[size]
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == "phone")
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.do("Page.navigate", url="about:blank")
        self.events.clear()
        self.do("Page.navigate", url=url)
        ends = time.monotonic() + START_SECONDS
        while not (self.see("location.href") != "about:blank" and self.see("document.readyState") == "complete"):
            assert time.monotonic() < ends
            time.sleep(0.05)

    def said(self, method: str) -> list[dict[str, Any]]:
        self.see("1")  # so that what was under way has arrived
        return [event["params"] for event in self.events if event.get("method") == method]

    def text(self) -> str:
        """What a reader sees, on one line."""
        return " ".join((self.see("document.body ? document.body.innerText : ''") or "").split())

    def wait_for(self, words: str, seconds: float = 120) -> None:
        ends = time.monotonic() + seconds
        while words not in self.text():
            assert time.monotonic() < ends, f"{words!r} did not appear in: {self.text()[:1500]}"
            time.sleep(0.2)

    def settle(self, seconds: float = 60) -> None:
        """Wait until the page has stopped growing: what is still filling in moves away under the mouse."""
        lengths: list[int] = []
        ends = time.monotonic() + seconds
        while len(lengths) < 5 or len(set(lengths[-5:])) > 1:
            assert time.monotonic() < ends, "the page does not come to rest"
            lengths.append(self.see("document.body.innerHTML.length"))
            time.sleep(0.4)

    def becomes(self, expression: str, seconds: float = 20) -> bool:
        """Whether the page comes to be as ``expression`` says."""
        ends = time.monotonic() + seconds
        while not (true := self.see(expression)) and time.monotonic() < ends:
            time.sleep(0.2)
        return bool(true)

    def click(self, words: str, within: str = "body", seconds: float = 30) -> None:
        """Press the button or link that says ``words``, as a mouse would."""
        find = (
            f"[...document.querySelectorAll('{within} :is(button, a)')]"
            f".filter(e => e.getClientRects().length && !e.disabled && e.innerText.trim() === {json.dumps(words)}).at(-1)"
        )
        ends = time.monotonic() + seconds
        while not self.see(f"!!{find}"):
            assert time.monotonic() < ends, f"no button {words!r} in: {self.text()[:1500]}"
            time.sleep(0.2)
        self.see(f"{find}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        middle, was = f"(e => [e.x + e.width / 2, e.y + e.height / 2])({find}.getBoundingClientRect())", None
        while (place := self.see(middle)) != was:  # what is still arriving or sliding in would not be hit
            was = place
            time.sleep(0.3)
        x, y = place
        self.do("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def photograph(self, name: str) -> None:
        """Keep a screenshot for whoever wants to look, in the folder that TUNEHOUSE_SHOTS names."""
        if folder := os.environ.get("TUNEHOUSE_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    home = tmp_path_factory.mktemp("chromium")
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS.split(), f"--user-data-dir={home}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        found, ends = home / "DevToolsActivePort", time.monotonic() + START_SECONDS
        while not (found.exists() and len(found.read_text().splitlines()) == 2):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.1)
        port = found.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as reply:
            (page,) = [target for target in json.load(reply) if target["type"] == "page"]
        yield Browser(page["webSocketDebuggerUrl"])
    finally:
        process.kill()
        process.wait()
