"""Opens every HTML page in headless Chromium, moves a real mouse on it, and checks what it shows."""

import re
import subprocess
import unittest

from browser import CONTROL, SHIFT, Browser, find_chromium
from figures import BACKWARD, FORWARD

# For the page: all that match a selector; a box by chart, row and number.
HELPERS = """const all = selector => [...document.querySelectorAll(selector)];
const box = (chart, row, at) =>
    all('svg.chart')[chart].querySelector(`g.row[data-row="${row}"] .box[data-at="${at * 11}"]`);
const words = selector => all(selector).map(node => node.textContent);
const tip = () => document.getElementById('tip').innerText;"""


def hex_of(colour):
    return "#%02x%02x%02x" % colour


class PageTest(unittest.TestCase):
    folder = None  # where the pages are
    ppc = None  # the program, if there is one
    keeps = False  # screenshots
    browser = None

    @classmethod
    def setUpClass(cls):
        if find_chromium() is None:
            raise unittest.SkipTest("there is no chromium")
        cls.browser = cls.enterClassContext(Browser())

    def open(self, name, fragment=""):
        """The page; its problems and requests are looked at in the end."""
        self.address = (self.folder / f"{name}.html").as_uri()
        page = self.browser.open(self.address + fragment)
        self.addCleanup(self.finish, page, self.folder / f"{self.id().split('.')[-1]}.png")
        page.evaluate(f"(() => {{ const script = document.createElement('script'); script.textContent = {HELPERS!r};"
                      " document.head.append(script); })()")  # fmt: skip
        return page

    def finish(self, page, picture):
        if self.keeps:
            page.screenshot(picture)
        problems, requests = page.happened()
        page.close()
        self.assertEqual(problems, [])
        self.assertEqual({request.split("#")[0] for request in requests}, {self.address}, "it asks for nothing else")

    def view(self, page):
        return [float(number) for number in page.evaluate("document.getElementById('page').dataset.view || ''").split()]

    def test_draws_rows_boxes_and_numbers(self):
        page = self.open("page")
        found = page.evaluate("""({
          rows: all('g.row').map(row => row.dataset.rank), boxes: all('.box').length, numbers: all('text.number').length,
          labels: words('text.label').filter(label => label.startsWith('rank')),
          fills: [...new Set(all('.box').map(box => box.getAttribute('fill')))], title: document.title,
          finding: words('p.finding'), legend: words('.legend span').filter(word => word), memory: all('text.memory').map(node => node.firstChild.textContent),
          widths: [0, 4].map(at => Number(box(0, 0, at).getAttribute('width'))), paths: all('path.path').length,
          axis: words('text.label.small').find(label => /^(time|cost)/.test(label)), ticks: words('text.tick')})""")
        self.assertEqual(found["rows"], ["0", "1", "2", "3"])
        self.assertEqual((found["boxes"], found["numbers"]), (64, 64))
        self.assertEqual(found["labels"], ["rank 0", "rank 1", "rank 2", "rank 3"])
        self.assertEqual(found["fills"], [hex_of(FORWARD), hex_of(BACKWARD)])
        self.assertEqual(found["title"], "one_f_one_b, 4 stages, 8 microbatches")
        self.assertEqual(found["finding"], ["predicted makespan 34.6 units, bubble 30.6 %"])
        self.assertEqual(found["legend"][:4], ["forward", "backward", "idle", "critical path"])
        self.assertEqual(found["memory"], ["peak 4", "peak 3", "peak 2", "peak 1"])
        self.assertEqual(found["axis"], "cost units")
        self.assertEqual(found["paths"], 1)
        self.assertAlmostEqual(found["widths"][1] / found["widths"][0], 2, places=3)
        self.assertEqual(found["ticks"], ["0", "5", "10", "15", "20", "25", "30"])

    def test_hover_tells_instructions_sources_and_times(self):
        page = self.open("page")
        self.assertTrue(page.evaluate("document.getElementById('tip').hidden"))
        page.hover("box(0, 1, 3)")
        words = page.evaluate("tip()")
        self.assertFalse(page.evaluate("document.getElementById('tip').hidden"))
        self.assertIn("backward 0, rank 1, stage 1\n", words)
        self.assertIn("predicted at 8.5 units for 2 units\n", words)
        self.assertIn("tiny.sched:3 order", words)
        self.assertIn("schedule s { }", words)
        self.assertEqual(words.count("@block.forward"), 2)
        self.assertEqual(page.evaluate("document.elementFromPoint(...Object.values((({x, y}) => ({x: x + 3, y: y + 3}))"
                                       "(box(0, 1, 3).getBoundingClientRect()))).dataset.at"), "33")  # fmt: skip
        page.mouse("mouseMoved", 5, 5)
        page.settle()
        self.assertTrue(page.evaluate("document.getElementById('tip').hidden"))

    def test_memory_in_bytes(self):
        page = self.open("trained")
        peak = "all('text.memory')[0].firstChild.textContent"
        self.assertRegex(page.evaluate(peak), r"^peak [\d.]+ (bytes|KiB)$")
        page.evaluate("(() => { const choice = document.getElementById('show-memory'); choice.value = 'activations'; "
                      "choice.dispatchEvent(new Event('change')); })()")
        page.settle()
        self.assertEqual(page.evaluate(peak), "peak 4")

    def test_zoom_and_move(self):
        page = self.open("page")
        x, y = page.place("all('svg.chart')[0]")
        page.wheel(x, y, 300)
        self.assertEqual(self.view(page), [], "the wheel alone scrolls the page")
        page.evaluate("scrollTo(0, 0)")
        x, y = page.place("all('svg.chart')[0]")
        page.wheel(x, y, -900, CONTROL)
        zoomed = self.view(page)
        self.assertAlmostEqual((zoomed[1] - zoomed[0]) / 34.6, 1.0015**-900, places=3)
        self.assertLess(page.evaluate("all('.box').length"), 40)
        page.drag(x, y, x - 100, y)
        dragged = self.view(page)
        self.assertAlmostEqual(dragged[1] - dragged[0], zoomed[1] - zoomed[0], places=6)
        self.assertGreater(dragged[0], zoomed[0])
        self.assertTrue(page.evaluate("document.getElementById('details').hidden"), "a drag is no click")
        page.wheel(x, y, 100, SHIFT)
        self.assertGreater(self.view(page)[0], dragged[0])
        page.key("+")
        self.assertAlmostEqual(self.view(page)[1] - self.view(page)[0], 0.8 * (zoomed[1] - zoomed[0]), places=6)
        page.press(*page.place("all('svg.chart')[0]"), clicks=2)
        self.assertEqual([round(number, 4) for number in self.view(page)], [0, 34.6])
        self.assertEqual(page.evaluate("all('.box').length"), 64)
        page.click("document.getElementById('zoom-in')")
        self.assertAlmostEqual(self.view(page)[1] - self.view(page)[0], 17.3, places=3)
        page.click("document.getElementById('zoom-out')")
        self.assertEqual([round(number, 4) for number in self.view(page)], [0, 34.6])
        page.click("document.getElementById('zoom-in')")
        page.click("document.getElementById('reset')")
        self.assertEqual([round(number, 4) for number in self.view(page)], [0, 34.6])

    def test_switches_show_and_hide(self):
        page = self.open("page")

        def count():
            return page.evaluate("['path.path', 'path.across', 'path.use', '.moving'].map(name => all(name).length)")

        self.assertEqual(count(), [1, 1, 4, 0])
        page.click("document.getElementById('show-path')")
        self.assertEqual(count(), [0, 0, 4, 0])
        choose = "(() => { const choice = document.getElementById('show-memory'); choice.value = %r; choice.dispatchEvent(new Event('change')); })()"
        page.evaluate(choose % "off")
        page.settle()
        self.assertEqual(count(), [0, 0, 0, 0])
        kinds = "[...document.getElementById('show-memory').options].map(option => option.value)"
        self.assertEqual(page.evaluate(kinds), ["off", "activations"], "a study's bytes mean nothing")
        page.evaluate(choose % "activations")
        page.settle()
        self.assertEqual(count(), [0, 0, 4, 0])
        page.click("document.getElementById('show-streams')")
        self.assertEqual(count(), [0, 0, 4, 2 * 2 * 3 * 8])
        page.click("document.getElementById('show-path')")
        self.assertEqual(count()[:2], [1, 1])
        page.hover("all('.moving')[8]")
        self.assertRegex(page.evaluate("tip()"), r"rank 0, stream [^]*\n(send|recv) ".replace("[^]", r"[\s\S]"))
        waiting = page.evaluate("all('.arriving').findIndex(node => node.getBoundingClientRect().width > 20)")
        page.hover(f"all('.arriving')[{waiting}]")
        self.assertRegex(page.evaluate("tip()"), r"waited [\d.]+ units? for its partners")

    def test_click_keeps_and_links(self):
        page = self.open("page")
        page.click("box(0, 2, 5)")
        self.assertEqual(page.evaluate("[location.hash, all('.box.pinned').length]"), ["#box=0.2.5", 1])
        kept = page.evaluate("document.getElementById('details').innerText")
        self.assertIn("rank 2", kept)
        page.key("Escape")
        self.assertEqual(page.evaluate("[document.getElementById('details').hidden, all('.box.pinned').length]"), [True, 0])
        linked = self.open("page", "#box=0.2.5")
        self.assertEqual(linked.evaluate("document.getElementById('details').innerText"), kept)

    def test_measured_below_predicted(self):
        page = self.open("measured")
        found = page.evaluate("""({charts: all('svg.chart').length, boxes: all('.box').length,
          labels: words('text.label').filter(label => /^rank|measured/.test(label)), finding: words('p.finding')[0],
          times: all('table.times tr').length, ticks: words('text.tick'), memory: all('path.use').length,
          kinds: all('g.row').map(row => row.dataset.kind)})""")
        self.assertEqual((found["charts"], found["boxes"], found["times"], found["memory"]), (1, 128, 9, 4))
        self.assertEqual(found["labels"][:4], ["rank 0 predicted", "measured", "rank 1 predicted", "measured"])
        self.assertEqual(found["kinds"], ["predicted", "measured"] * 4)
        self.assertRegex(found["finding"],
                         r"^predicted makespan 3[\d.]+ ms, bubble [\d.]+ %, a unit of the costs taken as [\d.]+ ms · "
                         r"measured makespan 3[\d.]+ ms, bubble [\d.]+ %, step 6$")  # fmt: skip
        page.hover("box(0, 5, 4)")
        words = page.evaluate("tip()")
        self.assertRegex(words, r"rank 2, stage 2, step 6\nmeasured at [\d.]+ ms for [\d.]+ ms · predicted at [\d.]+ ms for [\d.]+ ms")
        header = re.split(r"\s*\n|\t", words)
        self.assertIn("measured at", header)
        self.assertIn("predicted at", header)
        self.assertIn("10", found["ticks"])
        self.assertEqual(page.evaluate("words('text.label.small').find(label => /^(time|cost)/.test(label))"), "time (ms)")
        # A row's prediction is right above it, and both are drawn to one scale.
        tops = page.evaluate("[0, 1].map(row => box(0, row, 0).getBoundingClientRect()).map(({x, y, width}) => [x, y, width])")
        self.assertLess(tops[1][1] - tops[0][1], 25)
        self.assertAlmostEqual(tops[0][2], tops[1][2], delta=0.2 * tops[0][2])

    def test_schedules_share_one_axis(self):
        page = self.open("several")
        found = page.evaluate("""({names: words('h2'), table: all('table.schedules tr').map(row => row.innerText.trim().split(/\\s*\\t/)),
          boxes: all('svg.chart').map(chart => chart.querySelectorAll('.box').length), memory: all('text.memory').map(node => node.firstChild.textContent),
          open: all('details[open]').length,
          first: [0, 1, 2].map(chart => ['x', 'width'].map(name => Number(box(chart, 0, 0).getAttribute(name)).toFixed(2)).join())})""")
        self.assertEqual(found["names"], ["gpipe", "one_f_one_b", "zero_bubble_h1"])
        self.assertEqual(found["table"][0][:4], ["schedule", "makespan", "bubble", "peak activations"])
        self.assertEqual(found["table"][1][:4], ["gpipe", "33.6 units", "28.6 %", "8"])
        self.assertEqual(found["boxes"], [64, 64, 96])
        self.assertEqual(len(set(found["first"])), 1, "the first forward of each takes one unit on every chart")
        self.assertEqual(found["open"], 0)
        page.click("all('summary')[1]")
        self.assertEqual(page.evaluate("all('details[open]').length"), 1)
        # One view for all.
        x, y = page.place("all('svg.chart')[1]")
        page.wheel(x, y, -600, CONTROL)
        self.assertEqual(len(set(page.evaluate("all('svg.chart').map(chart => chart.querySelectorAll('text.tick').length)"))), 1)
        page.click("all('table.schedules a')[2]")
        self.assertLess(page.evaluate("Math.abs(all('svg.chart')[2].getBoundingClientRect().y)"), 900)

    def test_hostile_names_stay_text(self):
        page = self.open("hostile")
        page.click("document.getElementById('show-streams')")
        page.hover("box(0, 0, 0)")
        found = page.evaluate("({title: document.title, scripts: document.scripts.length, images: document.images.length, "
                              "words: tip(), names: words('h2')})")  # fmt: skip
        # The page's two, and this test's.
        self.assertEqual((found["scripts"], found["images"]), (3, 0))
        self.assertIn("</script><script>document.title='owned'", found["title"])
        self.assertNotEqual(found["title"], "owned")
        self.assertIn("onerror=", found["words"])
        self.assertIn("<img src=x", found["names"][0])

    def test_more_tasks_than_pixels(self):
        page = self.open("large")
        found = page.evaluate("({rows: all('g.row').length, boxes: all('.box').length, finding: words('p.finding')[0]})")
        self.assertEqual(found["rows"], 16)
        self.assertIn("condensed", found["finding"])
        self.assertLess(found["boxes"], 16 * 1300)
        self.assertGreater(found["boxes"], 16 * 800)

    def test_two_steps(self):
        page = self.open("two_steps")
        self.assertEqual(page.evaluate("[all('.box').length, all('line.step').length]"), [128, 4])
        page.hover("box(0, 0, 16)")
        self.assertIn("forward 0, rank 0, stage 0, step 2", page.evaluate("tip()"))

    def test_nothing_to_draw(self):
        page = self.open("nothing")
        self.assertIn("nothing to draw", page.evaluate("document.body.innerText"))

    def run_ppc(self, *words):
        if self.ppc is None:
            self.skipTest("this build has no ppc")
        subprocess.run([self.ppc, *words], check=True, timeout=60, stdout=subprocess.DEVNULL)

    def test_ppc_timeline(self):
        plan = self.folder / "plan.sched"
        plan.write_text("mesh { pp = 4; }\nschedule mine {\n  order on rank r {\n"
                        "    for i in 0 .. microbatches { forward(i); }  // all <of> them\n"
                        "    for i in 0 .. microbatches { backward(i); }\n  }\n}\n")  # fmt: skip
        self.run_ppc("timeline", plan, "--set", "microbatches=4", "--html", self.folder / "ppc_timeline.html")
        page = self.open("ppc_timeline")
        self.assertEqual(page.evaluate("all('.box').length"), 32)
        page.hover("box(0, 0, 1)")
        words = page.evaluate("tip()")
        self.assertIn("forward 1, rank 0, stage 0\n", words)
        self.assertIn("plan.sched:4\nfor i in 0 .. microbatches { forward(i); }  // all <of> them", words)
        self.assertEqual(page.evaluate("all('text.memory')[0].firstChild.textContent"), "peak 4", "a study counts activations")

    def test_ppc_compare(self):
        plan = self.folder / "study.sched"
        plan.write_text("mesh { pp = 4; }\nschedule one_f_one_b;\n")
        self.run_ppc("compare", plan, "--set", "microbatches=8", "--html", self.folder / "ppc_compare.html")
        page = self.open("ppc_compare")
        names = page.evaluate("words('h2')")
        self.assertGreaterEqual(len(names), 13)
        for name in ("one_f_one_b", "zero_bubble_v", "dualpipe"):
            self.assertEqual(names.count(name), 1)
        cells = page.evaluate("all('table.schedules tr').slice(1).map(row => row.cells[1].innerText)")
        makespans = [float(text.removesuffix(" units")) for text in cells]
        self.assertEqual(makespans, sorted(makespans))
        self.assertIn("second pipe hatched", page.evaluate("words('.legend span')"))
