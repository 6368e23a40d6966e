"""Looks at the pictures with the programs that people use: figures rasterised (figures.py), pages in headless Chromium
(pages.py).

pictures_test.py WRITE_PICTURES [--ppc PPC] [--keep FOLDER] [TEST ...]. Keeps what it made, with a screenshot of every
page, in FOLDER. Exit code 77: skipped, since the programs are missing (`tests/run.sh --pictures` installs them).
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from browser import find_chromium
from figures import FigureTest
from pages import PageTest

SKIPPED = 77

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("write_pictures")
    parser.add_argument("--ppc")
    parser.add_argument("--keep")
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    missing = [name for name, found in (("rsvg-convert", shutil.which("rsvg-convert")), ("chromium", find_chromium())) if not found]
    for program in missing:
        print(f"there is no {program}; `scripts/install_packages.sh pictures` installs it")
    if len(missing) == 2:
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(given.keep or temporary).resolve()
        os.makedirs(folder, exist_ok=True)
        subprocess.run([given.write_pictures, folder], check=True, timeout=60)
        FigureTest.folder = PageTest.folder = folder
        PageTest.ppc, PageTest.keeps = given.ppc, given.keep is not None
        unittest.main(argv=[sys.argv[0], *given.tests])
