"""Looks at the pictures with the programs that people use. Rasterises every SVG with rsvg-convert, and checks its size
and its colours. Opens every HTML page in headless Chromium, moves and turns a mouse on it, and checks what it shows.

pictures_test.py WRITE_PICTURES [FOLDER]. Keeps what it made in FOLDER, if given. Exit code 77: skipped, since a program
is missing (the `pictures` group of scripts/install_packages.sh has them).
"""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom
import zlib

SKIPPED = 77
FOLDER = None

FORWARD = (30, 100, 205)
BACKWARD = (245, 145, 50)
INPUT_GRADIENT = (75, 200, 185)
WEIGHT_GRADIENT = (40, 120, 65)


def read_png(path):
    """Width, height and rows of (r, g, b) of an 8-bit RGB or RGBA file without interlacing."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, header, packed = 8, None, b""
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    assert header[8] == 8 and header[9] in (2, 6) and header[12] == 0, header
    channels = 3 if header[9] == 2 else 4
    raw, stride = zlib.decompress(packed), width * channels
    rows, above = [], bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        method, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for x in range(stride):
            left = line[x - channels] if x >= channels else 0
            up = above[x]
            corner = above[x - channels] if x >= channels else 0
            if method == 1:
                guess = left
            elif method == 2:
                guess = up
            elif method == 3:
                guess = (left + up) // 2
            elif method == 4:
                estimate = left + up - corner
                guess = min((left, up, corner), key=lambda value: abs(estimate - value))
            else:
                guess = 0
            line[x] = (line[x] + guess) & 0xFF
        rows.append([tuple(line[x : x + 3]) for x in range(0, stride, channels)])
        above = line
    return width, height, rows


class SvgTest(unittest.TestCase):
    def rasterise(self, name):
        if shutil.which("rsvg-convert") is None:
            self.skipTest("there is no rsvg-convert")
        source = FOLDER / f"{name}.svg"
        root = xml.dom.minidom.parse(str(source)).documentElement
        target = FOLDER / f"{name}.png"
        subprocess.run(["rsvg-convert", source, "-o", target], check=True, timeout=60)
        width, height, rows = read_png(target)
        self.assertEqual((width, height), tuple(round(float(root.getAttribute(side))) for side in ("width", "height")))
        count = {}
        for row in rows:
            for pixel in row:
                count[pixel] = count.get(pixel, 0) + 1
        return width * height, rows, count

    def test_one_f_one_b(self):
        pixels, rows, count = self.rasterise("one_f_one_b")
        # 32 forwards and twice the time in as many backwards, less edges and numbers.
        self.assertGreater(count[FORWARD], 0.05 * pixels)
        self.assertAlmostEqual(count[BACKWARD] / count[FORWARD], 2.1, delta=0.2)
        self.assertNotIn(WEIGHT_GRADIENT, count)
        # The first row, halfway down: forward at once, backward at the end, white in between.
        line = rows[62]
        self.assertEqual(line[70], FORWARD)
        self.assertEqual(line[980], BACKWARD)
        self.assertEqual(line[280], (255, 255, 255))

    def test_zero_bubble(self):
        _, _, count = self.rasterise("zero_bubble")
        for colour in (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT):
            self.assertGreater(count[colour], 5000)
        self.assertNotIn(BACKWARD, count)

    def test_two_steps(self):
        one = self.rasterise("one_f_one_b")[2]
        two = self.rasterise("two_steps")[2]
        self.assertAlmostEqual(two[BACKWARD] / one[BACKWARD], 1, delta=0.15)

    def test_more_tasks_than_pixels(self):
        pixels, _, count = self.rasterise("large")
        self.assertLess(count[(255, 255, 255)], 0.5 * pixels)
        self.assertGreater(len(count), 10)


# Runs in the page: first what collects errors, at last what a test does and reports as JSON.
COLLECT = "<script>window.problems=[];addEventListener('error',event=>problems.push(event.message));</script>"
PROBE = """<pre id="result"></pre><script>(async () => {
const all = selector => [...document.querySelectorAll(selector)];
const sleep = () => new Promise(done => setTimeout(done, 200));
const box = (chart, row, at) => all('svg.chart')[chart].querySelector(`g.row[data-row="${row}"] .box[data-at="${at * 11}"]`);
const send = (node, type, more) => {
  const place = node.getBoundingClientRect();
  const options = {bubbles: true, cancelable: true, clientX: place.x + place.width / 2,
                   clientY: place.y + place.height / 2, ...more};
  const kind = type === 'wheel' ? WheelEvent : type.startsWith('pointer') ? PointerEvent : MouseEvent;
  node.dispatchEvent(new kind(type, options));
};
const tip = () => document.getElementById('tip');
const view = () => (document.getElementById('page').dataset.view || '').split(' ').map(Number);
let result;
try { result = await (async () => { BODY })(); } catch (error) { problems.push(String(error)); }
document.getElementById('result').textContent = JSON.stringify({result, problems});
})();</script>"""


class HtmlTest(unittest.TestCase):
    def run_in(self, name, body, fragment=""):
        """Does `body` in the page and returns what it returns."""
        if shutil.which("chromium") is None:
            self.skipTest("there is no chromium")
        text = (FOLDER / f"{name}.html").read_text(encoding="utf-8")
        text = text.replace("<head>", "<head>" + COLLECT, 1)
        text = text.replace("</body>", PROBE.replace("BODY", body) + "</body>")
        page = FOLDER / f"{name}.{self._testMethodName}.html"
        page.write_text(text, encoding="utf-8")
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,900",
                 f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri() + fragment],
                capture_output=True, text=True, timeout=90)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
        self.assertIsNotNone(found, done.stdout[-2000:])
        report = json.loads(html.unescape(found.group(1)))
        self.assertEqual(report["problems"], [])
        return report["result"]

    def test_draws_rows_boxes_and_numbers(self):
        found = self.run_in("page", """return {
          rows: all('g.row').map(row => row.dataset.rank), boxes: all('.box').length, numbers: all('text.number').length,
          labels: all('text.label').map(label => label.textContent).filter(words => words.startsWith('rank')),
          fills: [...new Set(all('.box').map(box => box.getAttribute('fill')))], title: document.title,
          finding: all('p.finding').map(words => words.textContent), paths: all('path.path').length,
          memory: all('text.memory').length, widths: [0, 4].map(at => Number(box(0, 0, at).getAttribute('width')))};""")
        self.assertEqual(found["rows"], ["0", "1", "2", "3"])
        self.assertEqual((found["boxes"], found["numbers"]), (64, 64))
        self.assertEqual(found["labels"], ["rank 0", "rank 1", "rank 2", "rank 3"])
        self.assertEqual(found["fills"], ["#%02x%02x%02x" % FORWARD, "#%02x%02x%02x" % BACKWARD])
        self.assertEqual(found["title"], "one_f_one_b, 4 stages, 8 microbatches")
        self.assertEqual(found["finding"], ["predicted makespan 34.6, bubble 30.6 %"])
        self.assertEqual((found["paths"], found["memory"]), (1, 4))
        self.assertAlmostEqual(found["widths"][1] / found["widths"][0], 2, places=3)

    def test_hover_tells_instructions_sources_and_times(self):
        found = self.run_in("page", """const before = tip().hidden;
          send(box(0, 1, 3), 'mousemove');
          const words = tip().innerText, during = tip().hidden;
          send(all('svg.chart')[0], 'mouseleave');
          return {before, during, words, after: tip().hidden};""")
        self.assertEqual((found["before"], found["during"], found["after"]), (True, False, True))
        self.assertIn("backward 0, rank 1, stage 1: predicted at 8.5 for 2", found["words"])
        self.assertIn("tiny.sched:3 order", found["words"])
        self.assertEqual(found["words"].count("@block.forward"), 2)

    def test_wheel_drag_and_double_click_move_the_view(self):
        found = self.run_in("page", """const chart = all('svg.chart')[0], views = [], boxes = [];
          const note = async () => { await sleep(); views.push(view()); boxes.push(all('.box').length); };
          send(chart, 'wheel', {deltaY: -900}); await note();
          send(chart, 'pointerdown', {clientX: 600, clientY: 300});
          send(chart, 'pointermove', {clientX: 500, clientY: 300});
          send(chart, 'pointerup', {clientX: 500, clientY: 300}); await note();
          send(chart, 'wheel', {deltaY: 100, shiftKey: true}); await note();
          send(chart, 'dblclick'); await note();
          return {views, boxes};""")
        zoomed, dragged, moved, whole = found["views"]
        self.assertAlmostEqual((zoomed[1] - zoomed[0]) / 34.6, 1.0015**-900, places=3)
        self.assertAlmostEqual(dragged[1] - dragged[0], zoomed[1] - zoomed[0], places=6)
        self.assertGreater(dragged[0], zoomed[0])
        self.assertGreater(moved[0], dragged[0])
        self.assertEqual((whole[0], round(whole[1], 4)), (0, 34.6))
        self.assertLess(found["boxes"][0], 40)
        self.assertEqual(found["boxes"][3], 64)

    def test_switches_show_and_hide(self):
        found = self.run_in("page", """const count = () => [all('path.path').length, all('path.use').length, all('.moving').length];
          const counts = [count()];
          for (const name of ['path', 'memory', 'streams']) {
            document.getElementById('show-' + name).click(); await sleep(); counts.push(count());
          }
          const words = all('.moving').map(node => { send(node, 'mousemove'); return tip().innerText; });
          return {counts, sends: words.filter(text => /\\nsend /.test(text)).length,
                  recvs: words.filter(text => /waited .* for its partners[^]*\\nrecv /.test(text)).length};""")
        self.assertEqual(found["counts"], [[1, 4, 0], [0, 4, 0], [0, 0, 0], [0, 0, 2 * 2 * 3 * 8]])
        self.assertEqual(found["sends"], 48)
        self.assertGreater(found["recvs"], 24)

    def test_click_keeps_and_links(self):
        found = self.run_in("page", """const details = document.getElementById('details'), hidden = details.hidden;
          send(box(0, 2, 5), 'pointerdown'); send(box(0, 2, 5), 'pointerup'); await sleep();
          return {hidden, hash: location.hash, words: details.innerText, pinned: all('.box.pinned').length};""")
        self.assertTrue(found["hidden"])
        self.assertEqual((found["hash"], found["pinned"]), ("#box=0.2.5", 1))
        linked = self.run_in("page", "return document.getElementById('details').innerText;", "#box=0.2.5")
        self.assertEqual(linked, found["words"])
        self.assertIn("rank 2", linked)

    def test_predicted_beside_measured(self):
        found = self.run_in("measured", """send(box(1, 2, 4), 'mousemove');
          return {charts: all('svg.chart').length, boxes: all('.box').length, words: tip().innerText,
                  finding: all('p.finding').map(words => words.textContent),
                  times: all('table.times tr').length, ticks: all('text.tick').map(tick => tick.textContent)};""")
        self.assertEqual((found["charts"], found["boxes"], found["times"]), (2, 128, 9))
        self.assertRegex(found["finding"][0], r"^predicted makespan 3\d\.\d+ ms, bubble")
        self.assertRegex(found["finding"][1], r"^measured makespan 3\d\.\d+ ms, bubble .*, step 5$")
        self.assertRegex(found["words"], r"measured at [\d.]+ ms for [\d.]+ ms")
        header = re.split(r"\s*\n|\t", found["words"])
        self.assertIn("measured at", header)
        self.assertIn("predicted at", header)
        self.assertIn("5 ms", found["ticks"])

    def test_schedules_share_one_axis(self):
        found = self.run_in("several", """return {charts: all('svg.chart').length,
          names: all('h2').map(name => name.textContent), boxes: all('svg.chart').map(chart => chart.querySelectorAll('.box').length),
          table: all('table.schedules tr').length,
          // The first forward of each takes one unit on every chart.
          first: [0, 1, 2].map(chart => ['x', 'width'].map(name => Number(box(chart, 0, 0).getAttribute(name)).toFixed(2)).join())};""")
        self.assertEqual(found["names"], ["gpipe", "one_f_one_b", "zero_bubble_h1"])
        self.assertEqual((found["charts"], found["table"]), (3, 4))
        self.assertEqual(found["boxes"], [64, 64, 96])
        self.assertEqual(len(set(found["first"])), 1)

    def test_hostile_names_stay_text(self):
        found = self.run_in("hostile", """document.getElementById('show-streams').click(); await sleep();
          send(box(0, 0, 0), 'mousemove'); await sleep();
          return {title: document.title, scripts: document.scripts.length, images: document.images.length,
                  words: tip().innerText, names: all('h2').map(name => name.textContent)};""")
        # The page's two, and the two of this test.
        self.assertEqual((found["scripts"], found["images"]), (4, 0))
        self.assertIn("</script><script>document.title='owned'", found["title"])
        self.assertNotEqual(found["title"], "owned")
        self.assertIn("onerror=", found["words"])
        self.assertIn("<img src=x", found["names"][0])

    def test_more_tasks_than_pixels(self):
        found = self.run_in("large", """all('svg.chart')[0].dispatchEvent(new Event('dblclick'));
          await sleep();
          return {rows: all('g.row').length, boxes: all('.box').length, finding: all('p.finding')[0].textContent};""")
        self.assertEqual(found["rows"], 16)
        self.assertIn("condensed", found["finding"])
        self.assertLess(found["boxes"], 16 * 1300)
        self.assertGreater(found["boxes"], 16 * 800)

    def test_two_steps(self):
        found = self.run_in("two_steps", """send(box(0, 0, 16), 'mousemove');
          return {boxes: all('.box').length, steps: all('line.step').length, words: tip().innerText};""")
        self.assertEqual((found["boxes"], found["steps"]), (128, 4))
        self.assertIn("forward 0, rank 0, stage 0, step 1", found["words"])


if __name__ == "__main__":
    missing = [program for program in ("rsvg-convert", "chromium") if shutil.which(program) is None]
    for program in missing:
        print(f"there is no {program}; `scripts/install_packages.sh pictures` installs it")
    if len(missing) == 2:
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as temporary:
        FOLDER = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary).resolve()
        os.makedirs(FOLDER, exist_ok=True)
        subprocess.run([sys.argv[1], FOLDER], check=True, timeout=60)
        unittest.main(argv=sys.argv[:1])
