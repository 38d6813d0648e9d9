"""Each page in a real Chromium: it loads, nothing fails, nothing is asked for, no text acts."""

from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from chromium import Tab
from made_evaluation import HOSTILE, write_evaluation
from made_judging import write_judged, write_rated
from made_run import run_summary, write_run

from isoglot.report.pages.comparison import write_comparison
from isoglot.report.pages.evaluation import write_evaluation_report
from isoglot.report.pages.judge import write_judge_report
from isoglot.report.pages.ratings import write_rating_report
from isoglot.report.pages.run import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium.PATH is None,
        reason="no Chromium on this machine (Debian: apt-get install chromium)",
    ),
]

PAGES = ("run", "evaluation", "judged", "rated", "comparison")


@pytest.fixture(scope="module")
def tab(tmp_path_factory) -> Iterator[Tab]:
    with chromium.chromium(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("pages")
    one = write_evaluation(base / "one", f"one{HOSTILE}", baseline="other")
    other = write_evaluation(base / "other", f"other{HOSTILE}")
    return {
        "run": write_report(write_run(base / "run", run_summary(HOSTILE, HOSTILE), HOSTILE)),
        "evaluation": write_evaluation_report(one),
        "judged": write_judge_report(write_judged(base / "judged")),
        "rated": write_rating_report(write_rated(base / "rated")),
        "comparison": write_comparison([other, one], base / "comparison"),
    }


def test_titles_of_axes_stay_within_their_plots(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["run"], width=390)
    titles, cut = tab.evaluate(
        """(() => {
            const titles = [...document.querySelectorAll(".infolayer text[class$='title']")];
            const cut = titles.filter((title) => {
                const box = title.getBoundingClientRect();
                const plot = title.closest("[data-chart]").getBoundingClientRect();
                const across = Math.max(plot.left - box.left, box.right - plot.right);
                return Math.max(across, box.bottom - plot.bottom) > 1;
            });
            return [titles.length, cut.map((title) => title.textContent)];
        })()"""
    )
    assert titles
    assert cut == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_page_loads_without_error_or_request(
    tab: Tab, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    tab.open(pages[name], width=width, dark=dark)
    assert tab.errors == []
    assert tab.requests == [pages[name].as_uri()]
    assert tab.evaluate("performance.getEntriesByType('resource').length") == 0
    plots = tab.evaluate("document.querySelectorAll('[data-chart]').length")
    assert plots >= 1
    assert tab.evaluate("document.querySelectorAll('[data-chart] .main-svg').length") >= plots
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_planted_script_stays_text(tab: Tab, pages: dict[str, Path], name: str) -> None:
    tab.open(pages[name])
    assert tab.evaluate("document.scripts.length") == 3
    assert tab.evaluate("document.querySelectorAll('img, iframe, main a').length") == 0
    if name != "comparison":
        shown = tab.evaluate("document.getElementById('card-list').innerText")
        assert HOSTILE in shown
    assert not [error for error in tab.errors if "dialogue" in error]


def test_filters_and_search_narrow_the_cards(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["evaluation"])
    tab.evaluate(
        "for (const [key, value] of [['language', 'ar'], ['grade', 'low']]) {"
        " const place = document.querySelector(`[data-facet=${key}]`);"
        " place.value = value; place.dispatchEvent(new Event('change')); }"
    )
    metas = tab.evaluate("[...document.querySelectorAll('.meta')].map((m) => m.textContent)")
    assert metas
    assert all("Arabic" in meta and "Accuracy 0.0" in meta for meta in metas)
    direction = "getComputedStyle(document.querySelector('.side .text')).direction"
    assert tab.evaluate(direction) == "rtl"
    tab.evaluate(
        "const place = document.getElementById('card-search'); place.value = 'no such word';"
        "place.dispatchEvent(new Event('input'))"
    )
    assert tab.evaluate("document.querySelectorAll('.pair').length") == 0


def test_words_that_are_found_are_marked_as_text(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["evaluation"])
    tab.evaluate(
        "{ const place = document.getElementById('card-search'); place.value = '<IMG src=x';"
        "place.dispatchEvent(new Event('input')) }"
    )
    marks = tab.evaluate("[...document.querySelectorAll('mark')].map((m) => m.textContent)")
    assert set(marks) == {"<img src=x"}
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    assert tab.errors == []


def test_thoughts_are_folded_until_a_search_finds_them(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["run"])
    opened = "[...document.querySelectorAll('.side details')].map((each) => each.open)"
    assert set(tab.evaluate(opened)) == {False}
    tab.evaluate(
        "{ const place = document.getElementById('card-search'); place.value = '<IMG src=x';"
        "place.dispatchEvent(new Event('input')) }"
    )
    assert set(tab.evaluate(opened)) == {True}
    assert tab.evaluate("document.querySelectorAll('img').length") == 0


def test_results_are_filtered(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["judged"])
    tab.evaluate(
        "{ const place = document.getElementById('result-filter'); place.value = 'Swahili';"
        "place.dispatchEvent(new Event('input')) }"
    )
    rows = "[...document.getElementById('result-table').tBodies[0].rows].filter((r) => !r.hidden)"
    texts = tab.evaluate(f"{rows}.map((row) => row.textContent)")
    assert len(texts) == 6
    assert all("Swahili" in text for text in texts)


def test_the_browser_notices_what_a_page_may_not_do(tab: Tab, tmp_path: Path) -> None:
    """Without this, a browser that is deaf would pass every test above."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><script>alert(1)</script><script>throw new Error('oops')</script>"
        "<img src='http://192.0.2.1/x.png'>"
    )
    tab.open(path)
    assert any("dialogue: 1" in error for error in tab.errors)
    assert any("oops" in error for error in tab.errors)
    assert "http://192.0.2.1/x.png" in tab.requests
