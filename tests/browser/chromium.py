"""Headless Chromium, driven over its own DevTools protocol.

`Chromium` is a process that ends with its context; `Page` is a tab. Selectors search
open shadow roots too, of which Home Assistant's frontend consists.
"""

import asyncio
import base64
from contextlib import suppress
from itertools import count
import json
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
from typing import Any, Self

import aiohttp

from ..printers.processes import ended_with_us

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--no-default-browser-check",
    "--no-first-run",
    "--remote-debugging-port=0",
)
START_TIMEOUT = 60.0
WAIT_TIMEOUT = 60.0
# Where an element that an expression needs is not there yet.
_MISSING = re.compile(r"Cannot (?:read|set) properties of (?:null|undefined)")

# Query selectors that search the document and every open shadow root below it.
HELPERS = """
globalThis.deepAll = (selector, root = document) => {
  const found = [...root.querySelectorAll(selector)];
  for (const element of root.querySelectorAll("*"))
    if (element.shadowRoot) found.push(...deepAll(selector, element.shadowRoot));
  return found;
};
globalThis.deep = (selector, root) => deepAll(selector, root)[0];
globalThis.focused = (root = document) =>
  root.activeElement?.shadowRoot?.activeElement ? focused(root.activeElement.shadowRoot)
  : root.activeElement;
globalThis.textOf = (element) =>
  [...(element.shadowRoot?.childNodes ?? []), ...element.childNodes].map((node) =>
    node.nodeType === 3 ? node.data
    : node.nodeType !== 1 || node.localName === "style" ? ""
    : textOf(node)).join(" ").replace(/\\s+/g, " ").trim();
"""


class PageError(Exception):
    """A script failed in the page, or a condition was not met in time."""


class Chromium:
    """A browser with a profile of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def __aenter__(self) -> Self:
        """Start the browser and connect to it."""
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise PageError(
                "no Chromium is installed (Debian: apt-get install chromium)"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "browser.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *ended_with_us(
                    [
                        program,
                        *FLAGS,
                        f"--user-data-dir={self._folder}",
                        "about:blank",
                    ]
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(START_TIMEOUT):
                self._socket = await self._session.ws_connect(
                    await self._address(), max_msg_size=0
                )
        except BaseException:
            await self.__aexit__()
            raise
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the browser and its child processes."""
        if hasattr(self, "_reader"):
            await self._socket.close()
            await self._reader
        await self._session.close()
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def page(self, *, width: int = 1280, height: int = 900) -> Page:
        """Open a tab."""
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (
            await self.send("Target.attachToTarget", targetId=target, flatten=True)
        )["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            await page.send(f"{domain}.enable")
        await page.before_scripts(HELPERS)
        await page.resize(width, height)
        return page

    async def send(
        self, method: str, session: str | None = None, **params: Any
    ) -> dict[str, Any]:
        """Send a command; return its result."""
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]]
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(
            message | ({"sessionId": session} if session else {})
        )
        async with asyncio.timeout(START_TIMEOUT):
            return await answer

    async def _address(self) -> str:
        file = self._folder / "DevToolsActivePort"
        assert self._process is not None
        while not file.exists() or len(file.read_text().splitlines()) < 2:
            if self._process.returncode is not None:
                log = (self._folder / "browser.log").read_text(errors="replace")
                raise PageError(f"Chromium ended by itself:\n{log}")
            await asyncio.sleep(0.05)
        port, path = file.read_text().splitlines()
        return f"ws://127.0.0.1:{port}{path}"

    async def _read(self) -> None:
        async for frame in self._socket:
            message = frame.json()
            if "id" in message:
                answer = self._answers.pop(message["id"])
                if answer.done():
                    continue
                if "error" in message:
                    answer.set_exception(PageError(str(message["error"])))
                else:
                    answer.set_result(message["result"])
            elif page := self._pages.get(message.get("sessionId", "")):
                page.receive(message["method"], message["params"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(PageError("the browser has ended"))


class Page:
    """A tab.

    errors: errors on the console and uncaught exceptions.
    requests: the addresses that were requested.
    frames: the frames received on the page's websockets.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.frames: list[str] = []

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this tab; return its result."""
        return await self._browser.send(method, self._session, **params)

    async def before_scripts(self, source: str) -> None:
        """Run a script before those of each page that is opened from now on."""
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.send("Page.navigate", url=url)

    async def resize(self, width: int, height: int) -> None:
        """Set the size of the viewport; below 600 pixels it is a phone."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if width < 600 else 1,
            mobile=width < 600,
        )

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited.

        An element that is not there yet is waited for.
        """
        now = asyncio.get_running_loop().time
        patience_ends = now() + WAIT_TIMEOUT
        while True:
            try:
                return await self._evaluate(expression)
            except PageError as err:
                if not _MISSING.search(str(err)) or now() > patience_ends:
                    raise
            await asyncio.sleep(0.05)

    async def _evaluate(self, expression: str) -> Any:
        answer = await self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if details := answer.get("exceptionDetails"):
            error = details.get("exception", {}).get("description") or details["text"]
            raise PageError(f"{expression}: {error}")
        return answer["result"].get("value")

    async def wait(self, condition: str, seconds: float = WAIT_TIMEOUT) -> Any:
        """Wait until an expression is truthy; return its value."""
        error = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        # A node cannot be serialised.
                        if value := await self._evaluate(
                            f"((found) => found instanceof Node || found)({condition})"
                        ):
                            return value
                    except PageError as err:
                        # While a page loads, elements may be missing.
                        error = str(err)
                    await asyncio.sleep(0.05)
        raise PageError(f"not within {seconds:g} s: {condition} {error}")

    async def equals(
        self, expression: str, expected: Any, seconds: float = WAIT_TIMEOUT
    ) -> None:
        """Wait until an expression has this value, as JSON has it."""
        try:
            await self.wait(
                f"JSON.stringify({expression}) === {json.dumps(_compact(expected))}",
                seconds,
            )
        except PageError:
            found = await self.run(expression)
            raise PageError(f"{expression} is {found!r}, not {expected!r}") from None

    async def text(self, selector: str) -> str:
        """Return all text of an element, that in shadow roots included."""
        return str(await self.run(f"textOf(deep({json.dumps(selector)}))"))

    async def includes(self, selector: str, words: str) -> None:
        """Wait until the text of an element includes these words."""
        element = f"deep({json.dumps(selector)})"
        await self.wait(f"textOf({element}).includes({json.dumps(words)})")

    async def click(self, selector: str) -> None:
        """Click on an element with the mouse."""
        # Wait until the element is what the mouse hits: a dialog may still cover it.
        box = await self.wait(
            f"""(() => {{
              const element = deep({json.dumps(selector)});
              element.scrollIntoView({{block: "center", behavior: "instant"}});
              const {{left, top, width, height}} = element.getBoundingClientRect();
              const x = left + width / 2, y = top + height / 2;
              let hit = document.elementFromPoint(x, y), outer;
              // What is drawn of an icon is in shadow roots below the button.
              while (!element.contains(hit) && hit?.shadowRoot && hit !== outer)
                [outer, hit] = [hit, hit.shadowRoot.elementFromPoint(x, y) ?? hit];
              return element.contains(hit) && {{x, y}};
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                button="left",
                clickCount=1,
                **box,
            )

    async def key(self, key: str) -> None:
        """Press and release a key."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40}
        code = codes[key]
        for kind in ("keyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def tab_to(self, name: str, presses: int = 80) -> None:
        """Press the tab key until what has the focus has this name, label or text."""
        names = """(({ariaLabel, dataset, name}) =>
          [ariaLabel, dataset.label, name, textOf(focused())])(focused())"""
        for _ in range(presses):
            await self.key("Tab")
            if name in await self.run(names):
                return
        raise PageError(f"{name} is not among {presses} tab stops")

    async def screenshot(self, file: Path, selector: str | None = None) -> None:
        """Save a PNG of the tab, or of one element."""
        clip = {}
        if selector:
            box = await self.run(
                f"""(() => {{
                  const {{x, y, width, height}} =
                    deep({json.dumps(selector)}).getBoundingClientRect();
                  return {{x, y, width, height, scale: 1}};
                }})()"""
            )
            clip = {"clip": box}
        answer = await self.send("Page.captureScreenshot", format="png", **clip)
        _save(file, base64.b64decode(answer["data"]))

    def receive(self, method: str, params: dict[str, Any]) -> None:
        """Record an event of the tab: errors, requests, websocket frames."""
        match method:
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.errors.append(
                    details.get("exception", {}).get("description") or details["text"]
                )
            case "Runtime.consoleAPICalled" if params["type"] == "error":
                self.errors.append(
                    " ".join(
                        str(arg.get("value") or arg.get("description"))
                        for arg in params["args"]
                    )
                )
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                entry = params["entry"]
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Network.webSocketFrameReceived":
                self.frames.append(params["response"]["payloadData"])


def _compact(value: Any) -> str:
    """Return JSON as JavaScript writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _save(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
