"""The page and the table of a judged comparison: counts, biases, both answers, both verdicts."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from cases import cases
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE, LANGUAGES, NUM, UNKNOWN
from made_judging import write_judged
from rich.console import Console

from isoglot.core.records import Completion, Prompt, Verdict
from isoglot.core.store import write_shard
from isoglot.report.cards.card import Card, Cards, Side
from isoglot.report.cards.judged import both_orders, verdict_cards
from isoglot.report.pages.judge import judge_sentence, write_judge_report
from isoglot.report.pages.judge_tables import judge_tables
from isoglot.report.results.judging import JudgedComparison, JudgedResult
from isoglot.report.results.names import text_direction
from isoglot.report.results.rows import Measure, rows_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_judged(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return write_judge_report(folder).read_text(encoding="utf-8")


def win_rates(folder: Path) -> dict[str, JudgedResult]:
    return rows_of(JudgedComparison.read_from(folder).results, Measure("", "win_rate"))


@cases("right_to_left")
def test_a_text_has_the_direction_of_its_language(case) -> None:
    tag, text = case.input["language"], case.input["text"]
    side = Side("answer", "answer", text, tag)
    content = Cards("", "", "", "answers", [Card({}, "", text, [side], language=tag)]).content()
    assert content["directions"] == {tag: case.right[0]}


@pytest.mark.parametrize(
    ("tag", "direction"),
    [("dv", "rtl"), ("nqo", "rtl"), ("yi", "rtl"), ("ks-Deva", "ltr"), ("und", "auto")],
)
def test_the_script_of_a_language_has_a_direction(tag: str, direction: str) -> None:
    assert text_direction(tag) == direction


def test_a_cross_lingual_answer_has_the_direction_of_the_language_asked_for(tmp_path: Path) -> None:
    prompt = Prompt.from_text("Answer in Arabic.", language="en", answer_language="ar")
    answers = [Completion.from_text(prompt, "API: واجهة.", sampler=name) for name in ("a", "b")]
    verdict = Verdict(
        *(prompt.family, prompt.prompt_id, "ar", "a", "b", "judge", "win", "win", 1.0, 1.0),
        *("A is better.", "A is better.", *(each.completion_id for each in answers), 11, 11),
    )
    part = "part-00000.parquet"
    write_shard(tmp_path / "prompts" / part, [prompt], Prompt)
    write_shard(tmp_path / "verdicts" / part, [verdict], Verdict)
    for answer in answers:
        write_shard(tmp_path / answer.sampler / part, [answer], Completion)
    [card] = verdict_cards(tmp_path, []).cards
    assert [side.language for side in card.sides] == ["ar", "ar", "und", "und"]


def test_outcomes_fill_the_bar_and_an_unreadable_language_has_none(page: str) -> None:
    chart = data_of(page)["charts"][0]
    bars = [trace for trace in chart["data"] if trace["type"] == "bar"]
    assert len(bars) == 3
    for place in range(len(LANGUAGES)):
        widths = [x for bar in bars for x, y in zip(bar["x"], bar["y"], strict=True) if y == place]
        assert not widths or sum(widths) == pytest.approx(100)
    assert len(bars[0]["y"]) == len(LANGUAGES) - 1
    assert any(note["text"] == "no value" for note in chart["layout"]["annotations"])


def test_counts_of_each_language_are_in_the_table(folder: Path, page: str) -> None:
    rows = win_rates(folder)
    line = re.search(r'<tr><th scope="row">Swahili.*?</tr>', page, re.DOTALL)
    assert line
    for name in ("wins", "ties", "losses", "invalid"):
        assert f'<td class="r">{getattr(rows["sw"], name)}</td>' in line.group()
    assert rows[UNKNOWN].invalid == NUM


def test_biases_are_points_with_a_sign_and_agreement_is_no_percent(page: str) -> None:
    text = without_library(page)
    assert re.search(r"Position bias, mean</span><span class=\"figure\">[+−]\d+\.\d<", text)
    assert re.search(r"Agreement, mean</span><span class=\"figure\">0\.\d\d<", text)


def test_mean_stands_first_and_is_no_language(page: str) -> None:
    first = re.search(r'<tbody><tr class="whole"><th scope="row">(\w+)</th>', page)
    assert first
    assert first.group(1) == "Mean"
    assert "mean" not in [value for value, _ in data_of(page)["browser"]["facets"][0]["values"]]


def test_cards_show_both_answers_and_both_verdicts(folder: Path) -> None:
    browser = verdict_cards(folder, [])
    card = next(card for card in browser.cards if card.prompt.startswith("chat 0:"))
    assert [side.note.split(" · ")[0] for side in card.sides[:2]] == ["A", "B"]
    assert HOSTILE in card.sides[0].text
    assert [side.note.split(":")[0] for side in card.sides[2:]] == [
        "judge, A shown first", "judge, B shown first",
    ]  # fmt: skip
    assert {card.facets["outcome"] for card in browser.cards if card.language == UNKNOWN} == {
        "invalid"
    }
    assert {"win", "loss", "order"} <= {card.facets["outcome"] for card in browser.cards}


def test_one_unreadable_order_is_invalid_and_never_a_tie() -> None:
    def verdict(forward: str, backward: str) -> Verdict:
        ids = ("f", "p", "sw", "a", "b", "judge")
        return Verdict(*ids, forward, backward, None, None, "", "", "", "", 1, 1)

    assert both_orders(verdict("tie", "invalid")) == "invalid"
    assert both_orders(verdict("win", "loss")) == "order"
    assert both_orders(verdict("tie", "tie")) == "tie"


def test_answer_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "verdicts").symlink_to(folder / "verdicts")
    card = verdict_cards(tmp_path, []).cards[0]
    assert "no such answer" in card.sides[0].text
    assert "no such prompt" in card.prompt


def test_hostile_texts_are_inert(tmp_path: Path) -> None:
    folder = write_judged(tmp_path / "x")
    results = json.loads((folder / "results.json").read_text())
    results |= {"a": HOSTILE, "judge": HOSTILE}
    results["results"].append(results["results"][0] | {"language": HOSTILE})
    (folder / "results.json").write_text(json.dumps(results))
    page = write_judge_report(folder).read_text(encoding="utf-8")
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert HOSTILE not in page
    assert "<" not in json.dumps(data_of(page)["charts"])


def test_table_has_every_language_and_the_counts(folder: Path) -> None:
    console = Console(width=130, record=True, file=StringIO())
    wins, trust = judge_tables(JudgedComparison.read_from(folder))
    console.print(wins.to_rich())
    lines = console.export_text().splitlines()
    rows = win_rates(folder)
    for tag in LANGUAGES:
        line = next(line for line in lines if f"({tag})" in line)
        counts = [str(getattr(rows[tag], name)) for name in ("wins", "ties", "losses", "invalid")]
        assert line.split()[-5:-1] == counts
    assert any(line.strip().startswith("Mean") for line in lines)
    console.print(trust.to_rich())
    text = console.export_text()
    for word in ("Swap consistency, %", "Agreement, alpha", "judge-model@2"):
        assert word in text


def mean(
    value: float | None, low: float | None, high: float | None, b: str = "other@2"
) -> JudgedComparison:
    row = JudgedResult(language="mean", metric="win_rate", value=value, low=low, high=high)
    one = JudgedResult(language="sw", metric="win_rate", value=0.5)
    return JudgedComparison(a="one@1", b=b, judge="judge@1", results=[row, one])


def test_sentence_weighs_the_interval() -> None:
    assert "one and other cannot be told apart" in judge_sentence(mean(0.55, 0.45, 0.65))
    assert judge_sentence(mean(0.6, 0.55, 0.65)).startswith("one wins")
    assert judge_sentence(mean(0.4, 0.35, 0.45)).startswith("other wins")
    assert "No win-rate is known" in judge_sentence(mean(None, None, None))


def test_same_model_of_two_revisions_keeps_its_revisions() -> None:
    assert judge_sentence(mean(0.6, 0.55, 0.65, "one@2")).startswith("one@1 wins")
