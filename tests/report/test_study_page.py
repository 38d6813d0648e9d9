"""The page and the tables of a study: what they show, what is unknown, and that no text acts."""

from io import StringIO
from pathlib import Path

import chromium
import pytest
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE
from made_study import LANGUAGES, make_study, win_rate
from rich.console import Console

from isoglot.report.pages.study import write_study_report
from isoglot.report.pages.study_rates import study_tables
from isoglot.report.results.study import Study, StudyBudget, StudyRun


def written(folder: Path, study: Study) -> Path:
    study.write(folder / "study.json")
    return write_study_report(folder)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("study"), make_study(HOSTILE))


def charts(page: Path, kind: str) -> list[dict]:
    found = data_of(page.read_text(encoding="utf-8"))["charts"]
    return [chart for chart in found if chart["data"][0]["type"] == kind]


def test_the_heat_map_marks_what_was_trained_and_leaves_what_failed_empty(page):
    plot = charts(page, "heatmap")[0]["data"][0]
    assert len(plot["z"]) == len(LANGUAGES)
    names = ["English", "Arabic", "Swahili", "Thai"]
    marked = {
        (names[row], column)
        for row, line in enumerate(plot["text"])
        for column, text in enumerate(line)
        if "●" in text
    }
    trained = {("English", c) for c in range(6)} | {
        (name, c) for name in ("Arabic", "Swahili") for c in (1, 2, 4, 5)
    }
    assert marked == trained
    assert all(line[5] is None for line in plot["z"])
    assert (plot["zmin"] + plot["zmax"]) / 2 == 50


def test_bars_have_the_values_and_intervals_of_the_cells(page):
    trained, unseen = charts(page, "bar")[-2]["data"]
    assert trained["x"] == pytest.approx([55.0] * 5)
    assert unseen["x"] == pytest.approx([57.0] * 5)
    assert trained["error_x"]["array"] == pytest.approx([4.0] * 5)
    assert trained["error_x"]["arrayminus"] == pytest.approx([3.0] * 5)
    (rule,) = charts(page, "bar")[-2]["layout"]["shapes"]
    assert (rule["x0"], rule.get("layer", "above")) == (50, "above"), "bars would hide it"
    assert "Trained, %</th>" in page.read_text(encoding="utf-8")


def test_every_task_and_metric_has_every_cell_beside_m0(page):
    bars = charts(page, "bar")[:4]
    for chart in bars:
        assert [len(trace["x"]) for trace in chart["data"]] == [7, 7, 7]  # mean, high, low
        assert chart["data"][0]["error_x"]["arrayminus"] == pytest.approx([3.0] * 7)
    text = without_library(page.read_text(encoding="utf-8"))
    assert text.count("Off-target rate on lab_") == 2
    assert text.count("40.0 (+2.0: −1.0 to +5.0)") == 2 * 2 * 6 * 5
    assert "Democratisation" in text


def test_cells_off_the_budget_are_named(tmp_path):
    study = make_study()
    wide = study.model_copy(update={"budget": StudyBudget(tokens=210_000, tolerance=0.05)})
    text = without_library(written(tmp_path, wide).read_text(encoding="utf-8"))
    assert "Off the budget of 210,000 tokens by more than 5%: rloo+ML-3-5x." in text, "it failed"
    assert "off the budget)" not in text
    narrow = study.model_copy(update={"budget": StudyBudget(tokens=100_000, tolerance=0.05)})
    text = without_library(written(tmp_path, narrow).read_text(encoding="utf-8"))
    assert text.count("200,000 (+100.0 % off the budget)") == 5
    assert "120,000" in text
    assert "80,000" in text


def curves_of(page: Path) -> list[dict]:
    return [c for c in charts(page, "scatter") if c["data"][0].get("mode") == "lines+markers"]


def test_sizes_that_follow_from_a_budget_have_no_curves(tmp_path):
    budget = StudyBudget(tokens=200_000, tolerance=0.05)
    assert not curves_of(written(tmp_path, make_study().model_copy(update={"budget": budget})))


def test_without_unseen_languages_the_trained_have_curves(tmp_path):
    study = make_study()
    cells = [
        cell.model_copy(
            update={"win_rates": [row for row in cell.win_rates if row.language != "unseen"]}
        )
        for cell in study.cells
    ]
    page = written(tmp_path, study.model_copy(update={"cells": cells}))
    assert len(curves_of(page)) == 2  # by each of two judges


def test_curves_join_cells_that_differ_in_size_alone(page):
    curves = curves_of(page)
    assert len(curves) == 4  # trained and unseen, by each of two judges
    sizes = sorted(tuple(line["x"]) for line in curves[0]["data"])
    assert sizes == [(1200,), (1200,), (1200,), (1200, 6000)]  # one has failed at 6000
    assert curves[0]["layout"]["xaxis"]["type"] == "log"


def test_the_page_says_what_was_found_what_failed_and_what_it_cost(page):
    text = without_library(page.read_text(encoding="utf-8"))
    for words in ("3 claims: 1 yes, 1 no, 1 undecided", "3 runs failed", "out of memory", "x.log",
                  "60 / 20 / 18 (2 invalid)", "200,000", "1200, 1200, 1200", "62*",
                  "data ML-3 or ML-3-5x minus data EN-1", "sw th",
                  "unseen more than trained"):  # fmt: skip
        assert words in text, words


def test_no_text_of_the_study_is_html(page):
    html = without_library(page.read_text(encoding="utf-8"))
    assert HOSTILE not in html
    tags = [tag for tag, _ in Elements(html).found]
    assert "img" not in tags
    assert tags.count("script") == 3


def test_the_tables_say_the_answers_and_the_failure():
    stream = StringIO()
    console = Console(file=stream, width=200)
    for table in study_tables(make_study("[red]x")):
        console.print(table.to_rich())
    text = stream.getvalue()
    for words in ("55.0 (52.0 to 59.0)", "+3.0* (+1.0 to +5.0)", "undecided", "[red]x",
                  "failed: seed 1: out of memory", "60 / 20 / 18 (2 invalid)"):  # fmt: skip
        assert words in text, words


def test_a_study_in_which_everything_failed_has_its_page(tmp_path):
    study = make_study()
    cells = [
        cell.model_copy(
            update={
                "win_rates": [
                    win_rate(row.judge, row.language, row.trained, None) for row in cell.win_rates
                ],
                "runs": [StudyRun(seed=1, folder="x", error="killed")],
            }
        )
        for cell in study.cells
    ]
    page = written(tmp_path, study.model_copy(update={"cells": cells, "findings": []}))
    assert "killed" not in page.read_text(encoding="utf-8").partition("<main>")[0]


def test_no_study_is_one_clear_line(tmp_path):
    with pytest.raises(
        ValueError, match=r"expected a file .*study\.json, came none: name a study's folder"
    ):
        write_study_report(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(chromium.PATH is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_the_page_loads_in_a_browser_without_error_or_request(page, tmp_path, width, dark):
    with chromium.chromium(tmp_path / "profile") as tab:
        tab.open(page, width=width, dark=dark)
        assert tab.errors == []
        assert tab.requests == [page.as_uri()]
        plots = tab.evaluate("document.querySelectorAll('[data-chart]').length")
        assert plots == 15
        assert tab.evaluate("document.querySelectorAll('[data-chart] .main-svg').length") >= plots
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.querySelectorAll('img, iframe, main a').length") == 0
        tab.screenshot(page.with_name(f"{width}.png"))
