"""Every page of the site in a real Chromium, from the disk: it fits, and nothing is fetched."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import chromium
import pytest
from chromium import Tab
from site_project import site_project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium.PATH is None,
        reason="no Chromium on this machine (Debian: apt-get install chromium)",
    ),
]

_SEARCH = "search.js"
"""What a page opened from the disk looks for in vain; the search works from a server."""

_WIDE = """
    [...document.querySelectorAll("article *")]
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .filter((each) => !each.closest("pre, .md-typeset__scrollwrap"))
        .map((each) => each.outerHTML.slice(0, 100))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = site_project(tmp_path_factory.mktemp("site"))
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / ".site"


@pytest.fixture(scope="module")
def tab(tmp_path_factory) -> Iterator[Tab]:
    with chromium.chromium(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.mark.parametrize("width", [400, 1400])
def test_every_page_fits_and_asks_for_nothing_elsewhere(site, tab, width):
    pages = sorted(set(site.rglob("*.html")) - {site / "404.html"})
    assert len(pages) > 20
    for page in pages:
        tab.open(page, width=width)
        files = [Path(url2pathname(urlsplit(url).path)) for url in tab.requests]
        missing = [each for each in files if not (each.is_file() and site in each.parents)]
        assert missing == [site / _SEARCH], page
        assert len(tab.errors) == 1, (page, tab.errors)
        assert tab.evaluate(_WIDE) == [], page
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), page
