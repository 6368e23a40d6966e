"""Rasterises every SVG with rsvg-convert, and checks its size and its colours."""

import shutil
import subprocess
import unittest
import xml.dom.minidom
import zlib

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


class FigureTest(unittest.TestCase):
    folder = None  # where the pictures are

    def rasterise(self, name):
        if shutil.which("rsvg-convert") is None:
            self.skipTest("there is no rsvg-convert")
        source = FigureTest.folder / f"{name}.svg"
        root = xml.dom.minidom.parse(str(source)).documentElement
        target = FigureTest.folder / f"{name}.png"
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
        self.assertEqual(line[100], FORWARD)
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

    def test_schedules_on_one_axis(self):
        pixels, rows, count = self.rasterise("several")
        self.assertEqual(len(rows[0]), 1000)
        # Three panels: the backward of two, the halves of the third.
        for colour in (FORWARD, BACKWARD, INPUT_GRADIENT, WEIGHT_GRADIENT):
            self.assertGreater(count[colour], 0.01 * pixels)

    def test_measured_below_predicted(self):
        one, rows, count = self.rasterise("one_f_one_b")[2], *self.rasterise("measured")[1:]
        # Two rows a rank, each lower and, beside its longer name, shorter than one alone.
        self.assertGreater(count[FORWARD] / one[FORWARD], 1.05)
        self.assertLess(count[FORWARD] / one[FORWARD], 2 * 22 / 28)
        left = [line[150] for line in rows]
        self.assertGreaterEqual(sum(a != b for a, b in zip(left, left[1:])), 8)
