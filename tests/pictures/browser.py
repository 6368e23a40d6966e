"""Headless Chromium through its DevTools protocol on a pipe: opens pages, moves a real mouse, presses keys, takes
screenshots, and keeps what went wrong and what was asked of the network. Needs Python and Chromium alone.

  with Browser() as browser:
      page = browser.open("file:///page.html")
      page.mouse("mouseMoved", 100, 200)
      page.evaluate("document.title")
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds, for any answer
CONTROL, SHIFT = 2, 8  # modifiers


def find_chromium():
    """The program, or None."""
    return next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


def high_pipe():
    """A pipe that is in nobody's way on descriptors 3 and 4."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pictures_browser_")
        theirs_in, self.out = high_pipe()
        self.into, theirs_out = high_pipe()
        # The protocol is spoken on descriptors 3 and 4. Containers have no sandbox to give, and little shared memory.
        command = [
            find_chromium(), "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", "--force-device-scale-factor=1", f"--user-data-dir={self.folder}", "about:blank",
        ]  # fmt: skip
        redirect = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(["bash", "-c", redirect, "browser", *command], pass_fds=(theirs_in, theirs_out),
                                        stdout=self.log, stderr=self.log)  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.pending, self.events, self.next_id = b"", {}, 1
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(20)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.into)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fail(self, what):
        self.log.seek(0)
        raise RuntimeError(f"{what}; the browser said: {self.log.read()[-2000:].decode(errors='replace')}")

    def receive(self, deadline):
        """The next message."""
        while b"\0" not in self.pending:
            if not select.select([self.into], [], [], max(0, deadline - time.monotonic()))[0]:
                self.fail("no answer")
            piece = os.read(self.into, 1 << 16)
            if not piece:
                self.fail("the browser ended")
            self.pending += piece
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        number, self.next_id = self.next_id, self.next_id + 1
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data) :]
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.keep(answer)

    def keep(self, message):
        if "method" in message:
            self.events.setdefault(message.get("sessionId"), []).append((message["method"], message["params"]))

    def open(self, address, width=1280, height=900):
        return Page(self, address, width, height)


class Page:
    def __init__(self, browser, address, width, height):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def evaluate(self, script):
        """The value of an expression in the page, awaited."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']['exception'].get('description')}")
        return found["result"].get("value")

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                self.browser.fail(f"`{condition}` did not come true")
            time.sleep(0.02)

    def settle(self):
        """Until what was asked for is drawn."""
        self.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done, 0)), 30))")

    def place(self, node):
        """The middle of an element, scrolled into view; `node` is an expression."""
        return self.evaluate(f"(() => {{ const node = {node}; node.scrollIntoView({{block: 'nearest'}});"
                             " const at = node.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()")  # fmt: skip

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hover(self, node):
        self.mouse("mouseMoved", *self.place(node))
        self.settle()

    def press(self, x, y, clicks=1):
        """As a hand does, a fifth of a second apart: what a click changes is drawn before the next one."""
        start = time.time()
        for count in range(1, clicks + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, button="left", clickCount=count, timestamp=start + 0.2 * count)
            self.settle()

    def click(self, node, clicks=1):
        self.hover(node)
        self.press(*self.place(node), clicks)

    def drag(self, x, y, to_x, to_y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for part in (0.3, 0.7, 1):
            self.mouse("mouseMoved", x + (to_x - x) * part, y + (to_y - y) * part, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)
        self.settle()

    def wheel(self, x, y, down, modifiers=0):
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=down, modifiers=modifiers)
        self.settle()

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def screenshot(self, path):
        """Of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        image = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["data"]))

    def happened(self):
        """Errors and warnings of the page, and the addresses that it asked for."""
        self.settle()
        problems, requests = [], []
        for method, event in self.browser.events.get(self.session, []):
            if method == "Runtime.exceptionThrown":
                problems.append(event["exceptionDetails"].get("exception", {}).get("description") or str(event))
            elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
                problems.append(str(event["args"]))
            elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
                problems.append(event["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                requests.append(event["request"]["url"])
        return problems, requests

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
