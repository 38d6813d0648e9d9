"""Newer sets that are no multiple choice, SIB-200 and XQuAD: rows, golds, prompts."""

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from published import published, published_rows

from isoglot.benchmarks.benchmark import Benchmark, BenchmarkConfig, Example, PromptFormat, literals
from isoglot.benchmarks.catalogue import BENCHMARKS, metrics_of
from isoglot.benchmarks.conversations import ANSWER, next_turn
from isoglot.benchmarks.examples import read_examples
from isoglot.benchmarks.round_trip import ROUND_TRIP, round_trip_metrics
from isoglot.benchmarks.rows import RowReader
from isoglot.benchmarks.sib200 import SIB200, TOPICS
from isoglot.benchmarks.xquad import XQUAD
from isoglot.core.languages import LANGUAGES
from isoglot.evals.spans import EXACT_MATCH, SPAN_F1, span_words

FROZEN = Path(__file__).parents[1] / "gold" / "sib200.toml"

Row = dict[str, Any]

ROWS: dict[str, dict[str, list[Row]]] = {
    "global_mgsm": {
        "test": [{"instruction": "Solve it.", "question": "6 × 7?", "answer": "42"}],
    },
    "afrimgsm": {
        "test": [{"question": "6 × 7?", "answer": None, "answer_number": 42}],
        "train": [{"question": "Question: 1 + 1?", "answer": "It is 2.", "answer_number": 2}],
    },
    "mmath": {
        "test": [
            {
                "question": "Half of $x$?",
                "answer": "$\\frac{x}{2}$",
                "gid": 3,
                "data_source": "CNMO",
            }
        ],
    },
    "polymath": {
        level: [{"question": f"{level}?", "answer": "$\\frac{1}{2}$"}]
        for level in ("low", "medium", "high", "top")
    },
    "m_arenahard": {"test": [{"question_id": "q1", "cluster": "c", "prompt": "Write."}]},
}
RIGHT = {
    "global_mgsm": "Answer: 42",
    "afrimgsm": "42",
    "mmath": "$\\boxed{\\dfrac{1}{2}x}$",
    "polymath": "\\boxed{0.5}",
}


def examples_of(name: str, tag: str, **ask: Any) -> list[Example]:
    def rows(split: str) -> Sequence[Row]:
        return ROWS[name][split.partition("@")[0]]

    return BENCHMARKS[name].examples(rows, tag, PromptFormat(**ask))


@pytest.mark.parametrize("name", RIGHT)
def test_gold_scores_one_and_another_answer_zero_in_every_language(name: str) -> None:
    benchmark = BENCHMARKS[name]
    for tag in benchmark.languages:
        for example in examples_of(name, tag):
            accuracy = benchmark.metrics[0]
            assert accuracy.grade(example.prompt, RIGHT[name]) == (1.0, 1.0), tag
            assert accuracy.grade(example.prompt, "\\boxed{7}") == (0.0, 1.0), tag
            assert example.prompt.language == tag
            assert example.family == examples_of(name, "en")[0].family or name == "polymath"


def test_prompts_are_the_published_ones() -> None:
    prompts = {name: examples_of(name, "fr")[0].prompt.text for name in ROWS}
    assert prompts == {
        "global_mgsm": "Solve it.\n\n6 × 7?",
        "afrimgsm": literals("maths")["fr"]["native_cot"] + "\n\n6 × 7?",
        "mmath": "Half of $x$?\nVeuillez raisonner étape par étape et mettre votre réponse finale "
        "dans \\boxed{}.",
        "polymath": "low?\nRemarque : Veuillez mettre la réponse finale dans le $\\boxed{}$.",
        "m_arenahard": "Write.",
    }


@pytest.mark.parametrize("name", [*ROWS, "sib200", "xquad", "round_trip"])
def test_languages_are_tags_of_the_table_with_words(name: str) -> None:
    benchmark = BENCHMARKS[name]
    assert set(benchmark.languages) <= set(LANGUAGES)
    assert benchmark.source.how_to_get
    words = {"afrimgsm": "maths", "mmath": "boxed", "polymath": "boxed", "xquad": "xquad"}.get(name)
    assert words is None or set(benchmark.languages) <= set(literals(words))


def test_the_problems_of_polymath_count_by_their_level() -> None:
    examples = examples_of("polymath", "sw")
    metrics = {metric.name: metric for metric in BENCHMARKS["polymath"].metrics}
    weighted = [metrics["dw_accuracy"].grade(e.prompt, "\\boxed{1/2}") for e in examples]
    assert weighted == [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0), (8.0, 8.0)]
    applies = [metrics["accuracy_high"].applies(example.prompt) for example in examples]
    assert applies == [False, False, True, False]


def test_worked_examples_of_afrimgsm_lose_their_label() -> None:
    (example,) = examples_of("afrimgsm", "zu", shots=1)
    first, answer, _ = (turn["content"] for turn in example.prompt.prompt)
    assert first.endswith("\n\n1 + 1?")
    assert answer == "It is 2. Impendulo ithi 2."


# SIB-200 and XQuAD


def test_every_language_of_sib200_has_the_same_words() -> None:
    words = literals("sib200")
    assert {frozenset(each) for each in words.values()} == {frozenset(("question", *TOPICS))}
    assert set(words) <= set(SIB200.languages)
    assert all(len(set(each.values())) == len(each) for each in words.values())


@pytest.mark.parametrize("tag", literals("sib200"))
def test_prompts_of_sib200_are_frozen(tag: str) -> None:
    rows = [
        {"text": "H₂O, CO₂.", "category": "science/technology", "index_id": 1},
        {"text": "3 : 1 (2 : 0)", "category": "sports", "index_id": 2},
    ]
    frozen = tomllib.loads(FROZEN.read_text(encoding="utf-8"))
    for answering in ("generation", "likelihood"):
        examples = SIB200.examples(lambda _: rows, tag, PromptFormat(answering=answering))
        assert [example.prompt.text for example in examples] == frozen[tag]["prompts"]


def test_the_real_rows_of_sib200_are_parallel_questions() -> None:
    name = "sib200/sib200_dev.jsonl.gz"
    rows = [{**row, "split": "test"} for row in published_rows(name)]
    seen = set()
    for tag, code in SIB200.languages.items():
        own = [row for row in rows if row["lang"] == code]
        if not own:
            continue
        examples = SIB200.examples(
            lambda _, own=own: own, tag, PromptFormat(answering="generation")
        )
        assert len(examples) == len(own)
        for row, example in zip(own, examples, strict=True):
            gold = json.loads(example.prompt.gold or "")
            assert gold["label"] == row["category"].replace("science/technology", "science")
            assert row["text"].strip() in example.prompt.text
            letter = {label: letter for letter, label in gold["letters"].items()}[gold["label"]]
            assert SIB200.metrics[0].grade(example.prompt, letter) == (1.0, 1.0)
        seen.add(frozenset(example.family for example in examples))
    assert len(seen) == 1


def test_a_language_without_words_is_asked_about_topics_in_english_alone() -> None:
    rows = [{"text": "T.", "category": "health", "index_id": 1}]
    (own,) = SIB200.examples(lambda _: rows, "ny", PromptFormat(answering="likelihood"))
    assert own.prompt.text.startswith("Answer the following question.")
    assert "E. health" in own.prompt.text


@pytest.mark.parametrize("tag", ["ar", "de", "en", "es", "hi", "ru", "th", "tr", "vi", "zh-Hans"])
def test_the_real_rows_of_xquad_are_questions_whose_gold_is_right(tag: str) -> None:
    folder = published("xquad/xquad.en.json.gz", whole=True).parent
    reader = RowReader(XQUAD, tag, data=folder)
    examples = XQUAD.examples(reader, tag, PromptFormat())
    assert len(examples) == 528
    for example in examples:
        prompt = example.prompt
        assert prompt.gold in prompt.text
        for metric in (SPAN_F1, EXACT_MATCH):
            assert metric.grade(prompt, f"{prompt.gold}.") == (1.0, 1.0)
            assert metric.grade(prompt, "") == (0.0, 1.0)


def test_the_rows_of_xquad_on_the_hub_are_those_of_its_files() -> None:
    hub = {"id": "1", "context": "C is D.", "question": "C?", "answers": {"text": ["D"]}}
    question = {"id": "1", "question": "C?", "answers": [{"text": "D", "answer_start": 5}]}
    article = {"paragraphs": [{"context": "C is D.", "qas": [question]}]}
    of_hub, of_file = (
        XQUAD.examples(lambda _, row=row: [row], "de", PromptFormat()) for row in (hub, article)
    )
    assert of_hub == of_file
    assert of_hub[0].prompt.text.endswith("Text: C is D.\nFrage: C?\nAntwort:")


@pytest.mark.parametrize(
    ("answer", "gold", "f1"),
    [
        ("The Denver Broncos!", "Denver Broncos", 1.0),
        ("Denver", "Denver Broncos", 2 / 3),
        ("丹佛野马", "丹佛野马队", 8 / 9),
        ("ทีม", "ทีมชาติ", 6 / 10),
        ("nothing", "Denver", 0.0),
        ("Paris\nQuestion: another?", "paris", 1.0),
    ],
)
def test_f1_is_over_words_or_characters(answer: str, gold: str, f1: float) -> None:
    example = XQUAD.examples(
        lambda _: [{"id": "1", "context": "c", "question": "q", "answers": {"text": [gold]}}],
        "en",
        PromptFormat(),
    )[0]
    assert SPAN_F1.grade(example.prompt, answer) == (pytest.approx(f1), 1.0)
    assert span_words("") == []


# The round trip


class English:
    name = "english"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        return ["en" if "street" in text else None for text in texts]


def trip(there: str) -> tuple[Example, Callable[[str], float]]:
    (example,) = ROUND_TRIP.examples(
        lambda _: [{"text": "The street is wet."}], "sw", PromptFormat()
    )
    back = next_turn(example.prompt, there, example.follow_ups[0])
    (metric, *_) = round_trip_metrics(English())

    def score(text: str) -> float:
        return float(metric.value(metric.grade(back, text)))

    return replace(example, prompt=back), score


def test_the_way_back_is_a_conversation_of_its_own() -> None:
    back = trip("Barabara imelowa.")[0].prompt
    assert [turn["role"] for turn in back.prompt] == ["user"]
    assert back.text.endswith(
        "from Swahili into English. Reply with the translation only.\n\nBarabara imelowa."
    )
    assert (back.language, back.answer_language, back.gold) == ("sw", "en", "The street is wet.")
    assert ANSWER not in back.text


def test_a_text_that_was_never_translated_has_no_right_ngram() -> None:
    assert trip("Barabara imelowa.")[1]("The street is wet.") == pytest.approx(1.0)
    assert 0.1 < trip("Barabara imelowa.")[1]("A street is dry.") < 0.9
    assert trip("The street is wet.")[1]("The street is wet.") == 0.0


def test_only_the_way_back_is_graded() -> None:
    example, _ = trip("Barabara imelowa.")
    there = example.follow_ups[0]
    config = BenchmarkConfig(benchmark="round_trip")
    for metric in metrics_of(config, English()):
        assert metric.applies(example.prompt)
        assert metric.applies(there)
        assert not metric.applies(replace(there, source="round_trip"))


def test_a_round_trip_takes_any_texts(tmp_path: Any) -> None:
    (tmp_path / "round_trip.txt").write_text("One.\nTwo.\n", encoding="utf-8")
    config = BenchmarkConfig(benchmark="round_trip", data=tmp_path)
    examples = read_examples(config, ["sw", "en", "yo"]).examples
    assert [example.prompt.language for example in examples] == ["sw", "sw", "yo", "yo"]
    assert len({example.family for example in examples}) == 2


def benchmarks_without_a_licence() -> list[Benchmark]:
    return [each for each in BENCHMARKS.values() if not each.source.licence]


def test_there_are_thirty_benchmarks_and_each_has_a_licence() -> None:
    assert len(BENCHMARKS) >= 30
    assert benchmarks_without_a_licence() == []
