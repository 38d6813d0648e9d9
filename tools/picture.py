"""Picture the report of a run for README.md: docs/report.png, below 150 kB.

`make picture` runs the quick demo and draws its report.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

PICTURE = Path(__file__).parents[1] / "docs" / "report.png"
_WIDTH, _HEIGHT = 1000, 1150
"""The head of the page and its first charts, in pixels."""
_NUM_COLOURS = 128


def picture(page: Path, out: Path = PICTURE) -> None:
    """Draw the top of a page by Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on this machine (Debian: apt-get install chromium)")
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        size = f"--window-size={_WIDTH},{_HEIGHT}"
        ready = "--virtual-time-budget=8000"
        command = [browser, *flags, size, ready, f"--screenshot={shot}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as image:
            few = image.convert("RGB").quantize(_NUM_COLOURS, dither=Image.Dither.NONE)
            few.save(out, optimize=True)


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
