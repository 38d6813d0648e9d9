"""The page and the table of graded answers: grades and not percents, prompts, the judge's words."""

import re
from io import StringIO
from pathlib import Path

import pytest
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE, LANGUAGES, UNKNOWN
from made_judging import write_rated
from rich.console import Console

from isoglot.report.cards.judged import rating_cards
from isoglot.report.cells import GRADES, number, scale_of
from isoglot.report.pages.measures_table import rating_table
from isoglot.report.pages.ratings import rating_sentence, write_rating_report
from isoglot.report.results.judging import Ratings
from isoglot.report.results.rows import Measure, rows_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_rated(tmp_path_factory.mktemp("rated"))


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return write_rating_report(folder).read_text(encoding="utf-8")


def test_value_is_shown_as_the_grade_that_it_stands_for() -> None:
    values = (0.1, 0.625, 1.0, None)
    assert [number(value, GRADES) for value in values] == ["1.00", "6.25", "10.00", "–"]
    assert [
        scale_of(Measure("chat", name)) is GRADES
        for name in ("rating", "rating_turn_2", "win_rate")
    ] == [
        1,
        1,
        0,
    ]


def test_bars_are_grades_with_intervals_and_a_dot_for_each_turn(folder: Path, page: str) -> None:
    (chart,) = data_of(page)["charts"]
    bars = [trace for trace in chart["data"] if trace["type"] == "bar"]
    dots = [trace for trace in chart["data"] if trace["type"] == "scatter"]
    rows = rows_of(Ratings.read_from(folder).results, Measure("chat", "rating"))
    values = {tag: row.value for tag, row in rows.items() if row.value is not None}
    shown = sorted(x for bar in bars for x in bar["x"])
    assert shown == pytest.approx(sorted(10 * value for value in values.values()))
    assert len(shown) == len(LANGUAGES) - 1
    assert len(dots) == 2
    assert [note["text"] for note in chart["layout"]["annotations"]] == ["no value"]
    assert all(0 < x <= 10 for dot in dots for x in dot["x"])
    assert max(length for bar in bars for length in bar["error_x"]["array"]) < 3


def test_counts_of_each_language_are_in_the_table(folder: Path, page: str) -> None:
    rows = rows_of(Ratings.read_from(folder).results, Measure("chat", "rating"))
    line = re.search(r'<tr><th scope="row">Yoruba.*?</tr>', page, re.DOTALL)
    assert line
    assert f'<td class="r">{rows[UNKNOWN].invalid}</td>' in line.group()
    assert "0.00" not in line.group()
    first = re.search(r'<tbody><tr class="whole"><th scope="row">(\w+)</th>', page)
    assert first
    assert first.group(1) == "Mean"


def test_cards_show_prompt_answer_reference_and_the_judges_words(folder: Path) -> None:
    browser = rating_cards(folder, [])
    card = next(card for card in browser.cards if card.prompt.startswith("chat 0:"))
    assert [side.name for side in card.sides] == ["answer", "gold", "answer"]
    assert HOSTILE in card.sides[0].text
    assert re.match(r"judge: (\d+ of 10|unreadable)$", card.sides[2].note)
    grades = {card.facets["grade"] for card in browser.cards if card.language == UNKNOWN}
    assert grades == {"unknown"}
    assert {card.facets["turn"] for card in browser.cards} == {"1", "2"}
    assert [facet.key for facet in browser.facets] == ["language", "grade", "turn"]
    assert next(c for c in browser.cards if c.facets["turn"] == "2").prompt.startswith("user: ")


def test_answer_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ratings").symlink_to(folder / "ratings")
    card = rating_cards(tmp_path, []).cards[0]
    assert "no such answer" in card.sides[0].text
    assert "no such prompt" in card.prompt


def test_hostile_texts_are_inert(page: str) -> None:
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert HOSTILE not in page


def test_table_has_every_language_each_turn_and_the_mean(folder: Path) -> None:
    ratings = Ratings.read_from(folder)
    console = Console(width=140, record=True, file=StringIO())
    console.print(rating_table(ratings).to_rich())
    lines = console.export_text().splitlines()
    rows = {(row.language, row.metric): row for row in ratings.results}
    for tag in LANGUAGES:
        line = next(line for line in lines if f"({tag})" in line)
        for metric in ("rating", "rating_turn_1", "rating_turn_2"):
            assert number(rows[tag, metric].value, GRADES) in line
    assert any(line.strip().startswith("Mean") for line in lines)
    assert any(line.strip().startswith("Worst language  ") for line in lines), (
        "each turn has another"
    )


def test_sentence_says_the_mean_and_its_interval(folder: Path) -> None:
    assert re.match(
        r"a-model@1 on chat: \d\.\d\d of 10 over 13 languages \(\d\.\d\d to \d\.\d\d\)\.",
        rating_sentence(Ratings.read_from(folder)),
    )
    assert rating_sentence(Ratings(model="m", judge="j", results=[])) == "No grade is known."
