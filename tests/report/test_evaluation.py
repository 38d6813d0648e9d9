"""The page and the table of an evaluation say what its results say, and unknown stays unknown."""

import json
import re
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE, LANGUAGES, NUM, UNKNOWN, write_evaluation
from rich.console import Console

from isoglot.core.store import write_json
from isoglot.report.cards.answers import NUM_ANSWERS, answer_cards
from isoglot.report.cards.card import MAX_CHARS, drawn, sample
from isoglot.report.pages.evaluation import sentence, write_evaluation_report
from isoglot.report.pages.measures_table import measure_table, task_table
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.names import in_sentence, tier
from isoglot.report.results.rows import (
    MEAN,
    Measure,
    ResultRow,
    groups_of,
    language_order,
    measures_of,
    rows_of,
    unknown_sentence,
)
from isoglot.report.table import Table


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evaluations") / "new"
    return write_evaluation(out, baseline="old@9f")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return write_evaluation_report(folder).read_text(encoding="utf-8")


def printed(table: Table, width: int = 150) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(table.to_rich())
    return console.export_text()


def row_of(page: str, name: str) -> str:
    found = re.search(rf'<tr[^>]*><th scope="row">{name}.*?</tr>', page, re.DOTALL)
    assert found
    return found.group()


def test_each_language_has_value_interval_change_and_counts(folder: Path, page: str) -> None:
    found = rows_of(Evaluation.read_from(folder).results, Measure("mgsm", "accuracy"))
    for tag, name in {"de": "German", "ar": "Arabic", "sw": "Swahili"}.items():
        line, row = row_of(page, name), found[tag]
        for value in (row.value, row.low, row.high, row.change):
            assert f"{100 * abs(value):.1f}" in line
        assert f'<td class="r">{row.n}</td>' in line
        assert f'<td class="r">{row.unknown}</td>' in line


def test_language_without_a_value_has_a_row_and_no_bar(page: str) -> None:
    line = row_of(page, "Yoruba")
    assert f'<td class="r">{NUM}</td>' in line
    assert "0.0" not in line
    chart = data_of(page)["charts"][0]
    bars = [trace for trace in chart["data"] if trace["type"] == "bar"]
    assert sum(len(trace["y"]) for trace in bars) == len(LANGUAGES) - 1
    assert any(note["text"] == "no value" for note in chart["layout"]["annotations"])


def test_groups_stand_in_the_table(page: str) -> None:
    for name in ("Mean", "Low-resource mean", r"Worst language \(\w+\)", "Democratisation"):
        row_of(page, name)


def test_the_worst_language_is_that_with_the_least_value(folder: Path) -> None:
    table = measure_table(Evaluation.read_from(folder), Measure("mgsm", "accuracy"))
    worst = next(row for row in table.rows if row.head.startswith("Worst language ("))
    values = [
        row.cells[1].value for row in table.rows if row.tag and row.cells[1].value is not None
    ]
    assert worst.cells[1].value == min(values)


def test_off_target_rates_stand_beside_generated_values_only(folder: Path, page: str) -> None:
    generated, _, chosen, _ = data_of(page)["charts"]
    assert "xaxis2" in generated["layout"]
    assert "xaxis2" not in chosen["layout"]
    groups = groups_of(Evaluation.read_from(folder).groups, Measure("mgsm", "off_target_rate"))
    assert "mean" in groups
    assert "worst" not in groups


def test_difference_plot_needs_a_baseline(tmp_path: Path, page: str) -> None:
    assert page.count('id="change-') == 2
    alone = write_evaluation_report(write_evaluation(tmp_path / "alone"))
    assert 'id="change-' not in alone.read_text(encoding="utf-8")


def test_hostile_answers_and_names_are_inert(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "x", HOSTILE, baseline=HOSTILE)
    results = Evaluation.read_from(folder)
    row = results.results[0].model_copy(update={"language": HOSTILE, "signature": HOSTILE})
    group = results.groups[0].model_copy(update={"group": HOSTILE})
    more = {"results": [*results.results, row], "groups": [*results.groups, group]}
    results.model_copy(update=more).write(folder / "results.json")
    page = write_evaluation_report(folder).read_text(encoding="utf-8")
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert HOSTILE not in page
    assert "<" not in json.dumps(data_of(page)["charts"])
    cards = data_of(page)["browser"]["cards"]
    assert any(HOSTILE in side["text"] for card in cards for side in card["sides"])
    assert any(HOSTILE in side["thought"] for card in cards for side in card["sides"])


def test_cards_have_grade_gold_and_identified_language(folder: Path) -> None:
    browser = answer_cards(folder, ["mgsm", "xcopa"], [])
    assert {card.language for card in browser.cards} == set(LANGUAGES)
    unknown = [card for card in browser.cards if card.language == UNKNOWN]
    assert {card.facets["grade"] for card in unknown} == {"unknown"}
    assert all("Accuracy –" in card.meta for card in unknown)
    off_target = [card for card in browser.cards if card.flag == "off-target"]
    mixed = [card for card in browser.cards if card.flag == "mixed"]
    assert off_target
    assert mixed
    assert {card.facets["answer_language"] for card in mixed} == {"mixed"}
    assert all(card.facets["answer_language"] == "other" for card in off_target)
    assert all("identified: en" in card.sides[0].note for card in off_target)
    graded = [card for card in browser.cards if card.facets["grade"] == "high"]
    assert all("Accuracy 100.0" in card.meta for card in graded)
    choices = next(card for card in browser.cards if card.facets["task"] == "xcopa")
    assert [side.name for side in choices.sides] == ["gold", "answer"]
    assert "A · gold" in choices.sides[0].note


def test_sample_of_answers_is_bounded_cut_and_repeatable(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "many", tasks=("mgsm",), num=150)
    browser = answer_cards(folder, ["mgsm"], [])
    assert len(browser.cards) <= NUM_ANSWERS
    assert len(browser.cards) < 150 * len(LANGUAGES)
    assert browser == answer_cards(folder, ["mgsm"], [])
    texts = [side.text for card in browser.cards for side in card.sides]
    assert max(map(len, texts)) < MAX_CHARS + 50
    assert any("characters more]" in text for text in texts)


@pytest.mark.parametrize(
    ("num", "expected"),
    [
        (100, {"a": 3, "b": 20, "c": 60}),  # all of them
        (60, {"a": 3, "b": 20, "c": 37}),  # the room that a and b leave is c's
        (30, {"a": 3, "b": 13, "c": 13}),
        (4, {"a": 2, "b": 2, "c": 2}),
        (0, {"a": 2, "b": 2, "c": 2}),
    ],
)
def test_sample_is_even_and_leaves_no_room(num: int, expected: dict[str, int]) -> None:
    rows = [f"{kind}{i}" for kind, n in (("a", 3), ("b", 20), ("c", 60)) for i in range(n)]
    found = sample(lambda: rows, lambda row: row[0], lambda row: (row,), num)
    assert Counter(row[0] for row in found) == expected


def test_draw_does_not_hang_on_the_order_of_the_rows() -> None:
    rows = [str(number) for number in range(50)]
    one = set(drawn(rows, 7, lambda _: 0, lambda row: (row,)))
    assert len(one) == 7
    assert one == set(drawn(rows[::-1], 7, lambda _: 0, lambda row: (row,)))


def test_turns_of_a_conversation_are_all_shown(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "chat", tasks=("mgsm",))
    whole = answer_cards(folder, ["mgsm"], []).cards
    later = folder / "mgsm" / "turn-2"
    later.mkdir()
    for name in ("prompts", "completions"):
        (folder / "mgsm" / name).rename(later / name)
    assert answer_cards(folder, ["mgsm"], []).cards == whole


def test_broken_shard_is_one_note(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "broken", tasks=("mgsm",))
    (folder / "mgsm" / "graded.parquet").write_bytes(b"PAR1 cut off")
    page = write_evaluation_report(folder).read_text(encoding="utf-8")
    assert page.count("graded.parquet could not be read") == 1


def test_folder_without_answers_is_a_page_without_a_browser(tmp_path: Path) -> None:
    row = ResultRow(language="sw", metric="accuracy", task="mgsm", value=None)
    Evaluation(model="m", results=[row]).write(tmp_path / "results.json")
    page = write_evaluation_report(tmp_path).read_text(encoding="utf-8")
    assert "no prompts and answers to show" in page


def test_no_results_yet_is_said(tmp_path: Path) -> None:
    results = Evaluation(model="m", results=[])
    results.write(tmp_path / "results.json")
    page = write_evaluation_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("This evaluation has no results yet.") == 2
    printed(task_table(results, "mgsm"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "expected an object, came list"),
        ("{}", "results: Field required"),
        ('{"results": [{"language": "sw", "value": 1}]}', r"results\.0\.metric: Field required"),
        ("{", "cannot read"),
    ],
)
def test_broken_results_are_the_users_error(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ValueError, match=says):
        Evaluation.read_from(tmp_path)


def test_results_of_an_earlier_isoglot_are_read(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "results.json").read_text())
    del content["version"]
    for row in content["results"]:
        assert ("change" in row) == (row["language"] != UNKNOWN)
    write_json(tmp_path / "results.json", content)
    assert Evaluation.read_from(tmp_path) == Evaluation.read_from(folder)


def test_missing_results_are_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a file .*results\.json, came none"):
        write_evaluation_report(tmp_path)


def test_table_has_every_language_then_the_groups(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    text = printed(task_table(results, "mgsm"))
    lines = text.splitlines()
    places = [next(i for i, line in enumerate(lines) if f"({tag})" in line) for tag in LANGUAGES]
    mean = next(i for i, line in enumerate(lines) if line.startswith(" Mean"))
    assert max(places) < mean
    swahili = next(line for line in lines if "(sw)" in line)
    found = rows_of(results.results, Measure("mgsm", "accuracy"))["sw"]
    assert f"{100 * found.value:.1f} [{100 * found.low:.1f}, " in swahili
    assert "●" in swahili
    unknown = next(line for line in lines if f"({UNKNOWN})" in line)
    assert not re.search(r"\d", unknown)
    assert "have no value" in text


def test_an_answer_without_a_value_counts_once() -> None:
    rows = [
        ResultRow(task="t", language=tag, metric=metric, value=0.5, n=93, unknown=7)
        for tag in ("de", "sw")
        for metric in ("strict", "loose", "other")
    ]
    assert unknown_sentence(rows) == "14 of 200 answers (7.0 %) have no value"


def test_many_measures_have_short_intervals(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    of_task = [row for row in results.results if row.task == "mgsm"]
    extra = [row.model_copy(update={"metric": f"{row.metric}{i}"}) for row in of_task for i in "ab"]
    text = printed(task_table(results.model_copy(update={"results": [*of_task, *extra]}), "mgsm"))
    assert "±" in text
    assert "[" not in text.split("Mean")[0].split("(en)")[1]


def test_markup_in_a_name_is_text(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    row = results.results[0].model_copy(update={"language": "[red]x"})
    assert "[red]x" in printed(task_table(results.model_copy(update={"results": [row]}), row.task))


def test_sentence_weighs_the_change(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    main = measures_of(results.results)[0]

    def with_mean(low: float) -> Evaluation:
        groups = [
            row.with_change(0.04, low, 0.07) if (row.measure, row.group) == (main, MEAN) else row
            for row in results.groups
        ]
        return results.model_copy(update={"groups": groups})

    assert "+4.0 points (+1.0 to +7.0) from old@9f." in sentence(with_mean(0.01))
    assert "no measurable change" in sentence(with_mean(-0.01))


def test_languages_are_in_order_of_their_tiers(folder: Path) -> None:
    order = language_order(Evaluation.read_from(folder).results)
    tiers = ["high", "mid", "low", ""]
    assert [tiers.index(tier(tag)) for tag in order] == sorted(tiers.index(tier(t)) for t in order)


def test_table_of_each_measure_has_the_order_of_its_chart(folder: Path) -> None:
    results = Evaluation.read_from(folder)
    order = language_order(results.results)
    for measure in (Measure("mgsm", "accuracy"), Measure("xcopa", "accuracy")):
        rows = measure_table(results, measure).rows
        assert [row.tag for row in rows if not row.is_group] == order


def test_acronyms_stay_large_in_a_sentence() -> None:
    assert [in_sentence(name) for name in ("Accuracy", "BLEU", "chrF++")] == [
        "accuracy", "BLEU", "chrF++",
    ]  # fmt: skip
