"""Multiple choice: gold scores 1 and every wrong answer 0, in every language, both ways."""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from published import published_rows

from isoglot.benchmarks.arc import ARC
from isoglot.benchmarks.belebele import BELEBELE
from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, literals
from isoglot.benchmarks.choices import (
    ENGLISH_VARIANT,
    LM_EVAL_VARIANT,
    ChoiceItem,
    lettered,
    render_items,
)
from isoglot.benchmarks.hellaswag import HELLASWAG, without_markup
from isoglot.benchmarks.include import INCLUDE_LITE
from isoglot.benchmarks.mmlu import GLOBAL_MMLU_LITE, MMLU
from isoglot.benchmarks.mmlu_prox import MMLU_PROX_LITE
from isoglot.benchmarks.mmmlu import MMMLU
from isoglot.benchmarks.paws_x import CLOZE, PAWS_X
from isoglot.benchmarks.stated_choice import choice_words
from isoglot.benchmarks.truthfulqa import MC1, MC2, TRUTHFULQA
from isoglot.benchmarks.xcopa import XCOPA, uncapitalised
from isoglot.benchmarks.xnli import XNLI
from isoglot.benchmarks.xstorycloze import XSTORYCLOZE
from isoglot.benchmarks.xwinograd import ACCURACY_WHOLE, XWINOGRAD
from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Choice
from isoglot.evals.grading import grade_choices

Row = dict[str, Any]

GOLD = tomllib.loads(
    (Path(__file__).parents[1] / "gold" / "multiple_choice.toml").read_text(encoding="utf-8")
)
QUESTIONS = (MMLU, GLOBAL_MMLU_LITE, MMMLU, MMLU_PROX_LITE, INCLUDE_LITE)
ALL = (
    *(XCOPA, PAWS_X, XWINOGRAD, BELEBELE, XNLI, XSTORYCLOZE),
    *(*QUESTIONS, ARC, HELLASWAG, TRUTHFULQA),
)
WITH_WORDS = (XCOPA, PAWS_X, XWINOGRAD, XNLI)
TEN = ("wood", "salt", "tea", "clay", "wax", "silk", "ice", "gold", "glass", "iron")
OPTIONS = {"option_a": "wood", "option_b": "iron", "option_c": "salt", "option_d": "tea"}

MADE_UP: dict[str, list[Row]] = {
    "belebele": [
        {
            "link": "l",
            "question_number": number,
            "flores_passage": "Iron rusts.",
            "question": f"What rusts? {number}",
            "mc_answer1": "wood",
            "mc_answer2": "iron",
            "mc_answer3": "salt",
            "mc_answer4": "tea",
            "correct_answer_num": answer,
        }
        for number, answer in ((1, "2"), (2, 2))
    ],
    "mmlu": [
        {"sample_id": "s/1", "subject": "s", "question": "What rusts?", "answer": "B", **OPTIONS}
    ],
    "global_mmlu_lite": [
        {"sample_id": f"s/{label}", "subject": "s", "question": "What rusts?", "answer": "B"}
        | {**OPTIONS, "cultural_sensitivity_label": label}
        for label in ("CS", "CA")
    ],
    "mmmlu": [
        {"Unnamed: 0": 1, "Question": "What rusts?", "Answer": "B", "Subject": "s"}
        | {"A": "wood", "B": "iron", "C": "salt", "D": "tea"}
    ],
    "mmlu_prox_lite": [
        {"question_id": 1, "category": "s", "question": "What rusts?", "answer": "J"}
        | {f"option_{number}": text for number, text in enumerate(TEN)},
        {"question_id": 2, "category": "s", "question": "Rusts?", "answer": "C"}
        | {f"option_{number}": text for number, text in enumerate(TEN[-3:])}
        | {f"option_{number}": None for number in range(3, 10)},
    ],
    "include_lite": [
        {"question": "What rusts?", "choices": list(OPTIONS.values()), "answer": 1},
        {"question": "Rusts?", "answer": 1, **OPTIONS},
    ],
    "xstorycloze": [
        {f"input_sentence_{number}": f"Ada did {number}." for number in range(1, 5)}
        | {"story_id": "a", "sentence_quiz1": "She sang.", "sentence_quiz2": "She slept."}
        | {"answer_right_ending": 2}
    ],
    "arc": [
        {"id": "a", "instruction": "What rusts?", "answer": "B", **OPTIONS},
        {"id": "b", "instruction": "Rusts?", "answer": "B", **OPTIONS, "option_d": None},
        {"id": "c", "instruction": "Rust?", "answer": "E", **OPTIONS, "option_e": "nail"},
    ],
    "hellaswag": [
        {
            "ind": 7,
            "activity_label": "Baking",
            "ctx_a": "Ada bakes.",
            "ctx_b": "then Ada",
            "endings": ["sings", "eats it", "sleeps", "swims"],
            "label": " 1",
        }
    ],
    "truthfulqa": [
        {
            "question": "What rusts?",
            "mc1_targets_choices": ["Iron.", "Wood.", "Tea."],
            "mc1_targets_labels": [1, 0, 0],
            "mc2_targets_choices": ["Tea.", "Iron.", "Steel.", "Wood."],
            "mc2_targets_labels": [0, 1, 1, 0],
        }
    ],
}


def rows_of(benchmark: Benchmark, tag: str) -> list[Row]:
    return MADE_UP.get(benchmark.name) or GOLD[benchmark.name][tag]["rows"]


def examples_of(
    benchmark: Benchmark, tag: str, rows: Sequence[Row] | None = None, **ask: Any
) -> list[Example]:
    found = rows_of(benchmark, tag) if rows is None else rows
    return benchmark.examples(
        lambda split: found if split == "test" else [], tag, PromptFormat(**ask)
    )


def weighed(example: Example, value_of: Callable[[str], float | None]) -> list[Choice]:
    prompt = example.prompt
    return [
        Choice(
            prompt.family, prompt.prompt_id, prompt.language, "m", label, text, value_of(label), 1
        )
        for label, text in example.choices.items()
    ]


def likeliest(example: Example, label: str) -> list[Choice]:
    """Choices of which one is certain; a mention alone is as likely as every other."""
    return weighed(
        example, lambda each: 0.0 if each == label or each.endswith(" alone") else -1000.0
    )


EACH = [pytest.param(b, tag, id=f"{b.name}-{tag}") for b in ALL for tag in b.languages]
OWN_WORDS = [pytest.param(b, tag, id=f"{b.name}-{tag}") for b in WITH_WORDS for tag in b.languages]


@pytest.mark.parametrize(("benchmark", "tag"), EACH)
def test_gold_scores_one_and_all_else_zero_by_likelihood(benchmark: Benchmark, tag: str) -> None:
    examples = examples_of(benchmark, tag, answering="likelihood")
    assert len(examples) == len(rows_of(benchmark, tag))
    for example in examples:
        metrics = [m for m in benchmark.metrics if m.name != "mc2" and m.applies(example.prompt)]
        offered = [label for label in example.choices if not label.endswith(" alone")]
        if benchmark is TRUTHFULQA:
            offered = [label for label in offered if "mc1" in label]
        assert example.prompt.gold in offered
        for label in offered:
            expected = (float(label == example.prompt.gold), 1.0)
            for metric in metrics:
                assert metric.grade_choices is not None
                assert metric.grade_choices(example.prompt, likeliest(example, label)) == expected


@pytest.mark.parametrize(("benchmark", "tag"), EACH)
def test_gold_scores_one_and_all_else_zero_by_generation(benchmark: Benchmark, tag: str) -> None:
    metric = benchmark.metrics[0]
    for example in examples_of(benchmark, tag, answering="generation"):
        assert example.choices == {}
        gold = json.loads(example.prompt.gold)
        letter_of = {label: letter for letter, label in gold["letters"].items()}
        for label, forms in gold["texts"].items():
            ways = [*forms, *(f"{form}." for form in forms)]
            if label in letter_of:
                ways += [letter_of[label], f"{choice_words(tag)['answer']} {letter_of[label]}"]
            else:
                ways += [f"{choice_words(tag)['answer']} {form}" for form in forms]
            for way in ways:
                expected = (float(label == gold["label"]), 1.0)
                assert metric.grade(example.prompt, way) == expected, way
        assert metric.grade(example.prompt, "") is None


@pytest.mark.parametrize(("benchmark", "tag"), EACH)
def test_a_missing_likelihood_is_unknown(benchmark: Benchmark, tag: str) -> None:
    for example in examples_of(benchmark, tag, answering="likelihood"):
        for missing in example.choices:
            choices = weighed(example, lambda label, m=missing: None if label == m else -1.0)
            graded = [
                m.grade_choices(example.prompt, choices)
                for m in benchmark.metrics
                if m.grade_choices
            ]
            assert None in graded


@pytest.mark.parametrize(("benchmark", "tag"), EACH)
def test_prompts_are_the_same_in_both_runs_and_differ_from_each_other(
    benchmark: Benchmark, tag: str
) -> None:
    for answering in benchmark.answering:
        first = examples_of(benchmark, tag, answering=answering)
        assert first == examples_of(benchmark, tag, answering=answering)
        assert len({e.prompt.family for e in first}) == len(first)
        assert {e.prompt.language for e in first} == {tag}


# Literals and frozen prompts


@pytest.mark.parametrize("name", ["choices", "xcopa", "paws_x", "xwinograd", "xnli", "hellaswag"])
def test_every_language_has_the_same_words(name: str) -> None:
    words = literals(name)
    assert {frozenset(each) for each in words.values()} == {frozenset(words["en"])}


@pytest.mark.parametrize("benchmark", WITH_WORDS, ids=lambda b: b.name)
def test_every_language_of_a_benchmark_has_words(benchmark: Benchmark) -> None:
    assert set(benchmark.languages) | {"en"} == set(literals(benchmark.name))


def test_hellaswag_and_xstorycloze_share_the_words_of_all_their_languages() -> None:
    assert {*HELLASWAG.languages, *XSTORYCLOZE.languages} == set(literals("hellaswag"))


@pytest.mark.parametrize("benchmark", [b for b in ALL if b is not BELEBELE], ids=lambda b: b.name)
def test_every_language_is_asked_in_its_own_words(benchmark: Benchmark) -> None:
    assert [tag for tag in benchmark.languages if not choice_words(tag)["native"]] == []


@pytest.mark.parametrize(("benchmark", "tag"), OWN_WORDS)
def test_prompts_of_a_benchmark_are_frozen(benchmark: Benchmark, tag: str) -> None:
    gold = GOLD[benchmark.name][tag]
    scored = examples_of(benchmark, tag, answering="likelihood")
    assert [[e.prompt.text, *e.choices.values()] for e in scored] == gold["likelihood"]
    written = examples_of(benchmark, tag, answering="generation")
    assert [e.prompt.text for e in written] == gold["generation"]


@pytest.mark.parametrize("tag", literals("choices"))
def test_prompts_with_letters_are_frozen(tag: str) -> None:
    questions = [
        ChoiceItem("1", "Q1?", dict(zip("ABCD", "wxyz", strict=True)), "B", passage="P1."),
        ChoiceItem("2", "Q2?", dict(zip("ABC", "wxy", strict=True)), "C"),
    ]
    examples = render_items(lettered, questions, [], tag, PromptFormat(answering="generation"))
    assert [e.prompt.text for e in examples] == GOLD["choices"][tag]["prompts"]


@pytest.mark.parametrize("tag", literals("hellaswag"))
def test_prompts_of_hellaswag_are_frozen(tag: str) -> None:
    question = literals("hellaswag")[tag]["question"]
    options = dict(zip("ABCD", "wxyz", strict=True))
    item = ChoiceItem("1", question, options, "D", passage="L: A. B")
    examples = render_items(lettered, [item], [], tag, PromptFormat(answering="generation"))
    assert [e.prompt.text for e in examples] == GOLD["hellaswag"][tag]["prompts"]


@pytest.mark.parametrize("benchmark", ALL, ids=lambda b: b.name)
def test_the_english_variant_asks_in_english_of_the_same_family(benchmark: Benchmark) -> None:
    tag = next(t for t in benchmark.languages if t != "en" and choice_words(t)["native"])
    for answering in benchmark.answering:
        own = examples_of(benchmark, tag, answering=answering)
        english = examples_of(benchmark, tag, answering=answering, variant=ENGLISH_VARIANT)
        assert [e.prompt.family for e in own] == [e.prompt.family for e in english]
        if benchmark not in (HELLASWAG, XWINOGRAD, XSTORYCLOZE) or answering == "generation":
            assert all(a.prompt.text != b.prompt.text for a, b in zip(own, english, strict=True))


@pytest.mark.parametrize("benchmark", ALL, ids=lambda b: b.name)
def test_languages_are_tags_of_the_table(benchmark: Benchmark) -> None:
    assert set(benchmark.languages) <= set(LANGUAGES)
    assert len(set(benchmark.languages.values())) == len(benchmark.languages)


def test_belebele_has_all_its_122_languages() -> None:
    assert len(BELEBELE.languages) == 122
    assert BELEBELE.languages["sw"] == "swh_Latn"
    assert BELEBELE.languages["hi-Latn"] == "hin_Latn"


# Labels


@pytest.mark.parametrize("tag", PAWS_X.languages)
@pytest.mark.parametrize("variant", ["", ENGLISH_VARIANT, CLOZE])
def test_in_paws_x_a_pair_that_means_the_same_is_a_paraphrase(tag: str, variant: str) -> None:
    words = literals("paws_x")["en" if variant == ENGLISH_VARIANT else tag]
    same, other = examples_of(PAWS_X, tag, answering="likelihood", variant=variant)
    assert (same.prompt.gold, other.prompt.gold) == ("paraphrase", "different")
    yes, no = words["yes"][0], words["no"][0]
    if variant == CLOZE:
        yes, no = (words[f"cloze_{key}"].split("{")[0].strip() for key in ("yes", "no"))
    for example in (same, other):
        assert example.choices["paraphrase"].strip().startswith(yes)
        assert example.choices["different"].strip().startswith(no)


def test_in_belebele_the_answers_count_from_one() -> None:
    for example in examples_of(BELEBELE, "en", answering="generation"):
        gold = json.loads(example.prompt.gold)
        assert gold["texts"][gold["label"]] == ["iron"]


def test_in_hellaswag_the_endings_count_from_zero() -> None:
    (example,) = examples_of(HELLASWAG, "en", answering="likelihood")
    assert example.choices[example.prompt.gold] == " eats it"
    assert example.prompt.text == "Baking: Ada bakes. Then Ada"


def test_in_xcopa_label_zero_is_the_first_choice() -> None:
    first, second = examples_of(XCOPA, "it", answering="likelihood")
    assert first.choices[first.prompt.gold] == " aveva piovuto."
    assert second.choices[second.prompt.gold] == " l'uomo cadde."


# What is special in a benchmark


def test_a_premise_loses_only_a_stop_and_a_choice_only_a_capital() -> None:
    tamil, *_ = examples_of(XCOPA, "ta", answering="likelihood")
    assert tamil.prompt.text.startswith("தெரு ஈரமாக இருந்தது, ")
    assert [uncapitalised(text, "tr") for text in ("Irmak", "İlk", "Adam")] == [
        "ırmak",
        "ilk",
        "adam",
    ]
    assert [uncapitalised(text, "it") for text in ("Irma", "È", "")] == ["irma", "è", ""]


def test_a_file_of_xcopa_may_hold_both_splits() -> None:
    test = [{**row, "split": "test"} for row in rows_of(XCOPA, "it")]
    val = [{**row, "split": "val", "premise": f"{row['premise']}!"} for row in test]
    for answering in XCOPA.answering:
        ask = PromptFormat(shots=2, answering=answering)
        examples = XCOPA.examples(lambda _split: [*val, *test], "it", ask)
        assert len(examples) == 2
        families = {e.prompt.family for e in examples}
        assert families == {e.prompt.family for e in examples_of(XCOPA, "it", test)}
        assert examples[0].prompt.text.count("bagnata") == 3


def test_rows_of_paws_x_without_a_sentence_or_a_label_are_no_questions() -> None:
    row = rows_of(PAWS_X, "fr")[0]
    gaps = [{"sentence1": ""}, {"sentence2": "NS"}, {"sentence2": None}, {"label": -1}]
    assert len(examples_of(PAWS_X, "fr", [row, *({**row, **gap} for gap in gaps)])) == 1


def test_the_cloze_of_paws_x_has_the_answer_between_the_sentences() -> None:
    example, _ = examples_of(PAWS_X, "en", answering="likelihood", variant=CLOZE)
    assert example.prompt.text == "Anna helped Ben yesterday, right?"
    assert example.choices["paraphrase"] == " Yes, yesterday Anna helped Ben."


def test_in_xwinograd_the_rest_is_worth_the_whole_less_the_mention() -> None:
    example, _ = examples_of(XWINOGRAD, "en", answering="likelihood")
    values = {"option1": -10.0, "option2": -8.0, "option1 alone": -5.0, "option2 alone": -1.0}
    choices = weighed(example, values.__getitem__)  # the rest: -5 against -7
    assert XWINOGRAD.metrics[0].grade_choices(example.prompt, choices) == (1.0, 1.0)
    assert ACCURACY_WHOLE.grade_choices(example.prompt, choices) == (0.0, 1.0)


def test_in_xwinograd_a_blank_at_the_end_leaves_only_the_whole() -> None:
    row = {"sentence": "Ada saw Ben and _.", "option1": "Ada", "option2": "Ben", "answer": 2}
    (example,) = examples_of(XWINOGRAD, "en", [row], answering="likelihood")
    assert example.choices == {"option1": " Ada.", "option2": " Ben."}
    choices = weighed(example, {"option1": -3.0, "option2": -2.0}.__getitem__)
    assert XWINOGRAD.metrics[0].grade_choices(example.prompt, choices) == (1.0, 1.0)


def test_both_published_forms_of_xwinograd_are_the_same() -> None:
    tokens = ["Ada", "told", "Ben", ":", "``", "No", "''", "and", "he", "left", "."]
    row: Row = {
        "sentence": 'Ada told Ben : "No" and he left.',
        "tokens": tokens,
        "pronoun": ["he", [8, 9], ["he"]],
        "options": [["Ada", [0, 1], ["Ada"], False], ["Ben", [2, 3], ["Ben"], True]],
    }
    table = {key: json.dumps(value) if key != "sentence" else value for key, value in row.items()}
    hub = {"sentence": 'Ada told Ben : "No" and _ left.', "option1": "Ada", "option2": "Ben"}
    expected = examples_of(XWINOGRAD, "en", [{**hub, "answer": "2"}])
    assert examples_of(XWINOGRAD, "en", [row]) == expected
    assert examples_of(XWINOGRAD, "en", [table]) == expected
    assert expected[0].prompt.text == 'Ada told Ben : "No" and'


def test_equal_rows_of_xwinograd_are_two_questions() -> None:
    row = rows_of(XWINOGRAD, "en")[0]
    assert len({e.prompt.family for e in examples_of(XWINOGRAD, "en", [row, row])}) == 2


def test_an_ending_of_hellaswag_in_two_languages_is_read_in_the_one_asked_for() -> None:
    endings = [{"zh": ending, "en": f"{ending} en"} for ending in ("唱", "吃", "睡", "游")]
    (example,) = examples_of(
        HELLASWAG, "zh-Hans", [{**rows_of(HELLASWAG, "zh-Hans")[0], "endings": endings}]
    )
    assert [text.strip() for text in example.choices.values()] == ["唱", "吃", "睡", "游"]


def test_the_markup_of_hellaswag_is_left_out() -> None:
    assert without_markup("Bake [header] How to bake [title] Be calm. [step] Take  flour.") == (
        "Bake How to bake. Be calm. Take flour."
    )


def test_mc2_is_the_share_of_probability_on_true_answers_in_any_order() -> None:
    (example,) = examples_of(TRUTHFULQA, "de", answering="likelihood")
    weight = {" Iron.": 3.0, " Steel.": 1.0, " Tea.": 4.0, " Wood.": 2.0}
    values = {label: math.log(weight[text]) - 900 for label, text in example.choices.items()}
    choices = weighed(example, values.__getitem__)
    assert MC2.grade_choices is not None
    assert MC2.grade_choices(example.prompt, choices) == pytest.approx((0.4, 1.0))
    assert MC1.grade_choices(example.prompt, choices) == (0.0, 1.0)


def test_an_answer_of_both_sets_is_one_choice() -> None:
    (example,) = examples_of(TRUTHFULQA, "de", answering="likelihood")
    assert sorted(example.choices) == [
        "mc1+mc2 false 2",
        "mc1+mc2 false 3",
        "mc1+mc2 true 1",
        "mc2 true 4",
    ]


def test_the_english_form_of_truthfulqa_is_read() -> None:
    row = rows_of(TRUTHFULQA, "de")[0]
    english = {"question": row["question"]} | {
        f"{name}_targets": {
            "choices": row[f"{name}_targets_choices"],
            "labels": row[f"{name}_targets_labels"],
        }
        for name in ("mc1", "mc2")
    }
    assert examples_of(TRUTHFULQA, "de", [english]) == examples_of(TRUTHFULQA, "de", [row])


def test_written_truthfulqa_does_not_show_the_true_answer_first_always() -> None:
    row = rows_of(TRUTHFULQA, "de")[0]
    rows = [{**row, "question": f"What rusts {i}?"} for i in range(60)]
    examples = examples_of(TRUTHFULQA, "de", rows, answering="generation")
    shown = []
    for example in examples:
        gold = json.loads(example.prompt.gold)
        shown.append(next(k for k, label in gold["letters"].items() if label == gold["label"]))
    assert min(Counter(shown)[letter] for letter in "ABC") >= 10


def test_questions_of_arc_have_three_to_five_options() -> None:
    examples = examples_of(ARC, "nb", answering="likelihood")
    assert [len(example.choices) for example in examples] == [4, 3, 5]
    assert examples[0].prompt.text == "Spørsmål: What rusts?\nSvar:"


def test_mmlu_shows_worked_examples_of_the_subject() -> None:
    asked = MADE_UP["mmlu"][0]
    train = [{**asked, "question": f"Shot {s}?", "subject": s} for s in ("other", "s")]
    rows = {"test": [asked], "train": train}
    (example,) = MMLU.examples(
        rows.__getitem__, "en", PromptFormat(shots=1, answering="likelihood")
    )
    assert "Shot s?" in example.prompt.text
    assert "Shot other?" not in example.prompt.text
    assert example.choices == {letter: f" {letter}" for letter in "ABCD"}


def test_an_accuracy_of_each_half_counts_the_questions_of_that_half_alone() -> None:
    examples = examples_of(GLOBAL_MMLU_LITE, "sw", answering="likelihood")
    choices = [choice for example in examples for choice in likeliest(example, "B")]
    graded = grade_choices([e.prompt for e in examples], choices, GLOBAL_MMLU_LITE.metrics)
    assert [(row.metric, row.family) for row in graded] == [
        ("accuracy", examples[0].family),
        ("accuracy_culturally_sensitive", examples[0].family),
        ("accuracy", examples[1].family),
        ("accuracy_culturally_agnostic", examples[1].family),
    ]


def test_ten_options_have_letters_to_j() -> None:
    ten, three = examples_of(MMLU_PROX_LITE, "ja", answering="generation")
    assert "\nJ. iron\n" in ten.prompt.text
    assert "D. " not in three.prompt.text
    for answer in ("J", "コ", "答え：コ", "iron"):
        assert MMLU_PROX_LITE.metrics[0].grade(ten.prompt, answer) == (1.0, 1.0), answer
    assert MMLU_PROX_LITE.metrics[0].grade(ten.prompt, "I") == (0.0, 1.0)


@pytest.mark.parametrize("benchmark", QUESTIONS, ids=lambda b: b.name)
def test_the_variant_of_lm_eval_has_its_prompt(benchmark: Benchmark) -> None:
    ask: dict[str, Any] = {"answering": "likelihood", "variant": LM_EVAL_VARIANT}
    example = examples_of(benchmark, "ar", **ask)[0]
    options = list(TEN if benchmark is MMLU_PROX_LITE else OPTIONS.values())
    shown = "\n".join(
        f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJ", options, strict=False)
    )
    if benchmark is INCLUDE_LITE:  # lm-eval's own blank
        shown = shown.replace("D.", " D.")
    assert example.prompt.text == f"What rusts?\n{shown}\nAnswer:"
    assert list(example.choices.values()) == [
        f" {letter}" for letter in "ABCDEFGHIJ"[: len(options)]
    ]


def test_the_variants_of_lm_eval_of_xnli_and_xstorycloze_have_its_prompts() -> None:
    ask: dict[str, Any] = {"answering": "likelihood", "variant": LM_EVAL_VARIANT}
    row = {"premise": "P.", "hypothesis": "H.", "label": 2}
    (example,) = examples_of(XNLI, "ar", [row], **ask)
    assert example.prompt.text == "P., صحيح?"
    assert example.choices[example.prompt.gold] == " رقم, H."
    (example,) = examples_of(XSTORYCLOZE, "zh-Hans", **ask)
    assert example.prompt.text == "Ada did 1. Ada did 2. Ada did 3. Ada did 4."
    assert example.choices["sentence_quiz1"] == " She sang."


def test_a_published_file_of_xstorycloze_is_read_like_its_hub() -> None:
    names = {"story_id": "InputStoryid", "answer_right_ending": "AnswerRightEnding"}
    names |= {f"input_sentence_{n}": f"InputSentence{n}" for n in range(1, 5)}
    names |= {f"sentence_quiz{n}": f"RandomFifthSentenceQuiz{n}" for n in (1, 2)}
    row = {names[column]: value for column, value in MADE_UP["xstorycloze"][0].items()}
    assert examples_of(XSTORYCLOZE, "eu", [row]) == examples_of(XSTORYCLOZE, "eu")


# Families


@pytest.mark.parametrize("benchmark", ALL, ids=lambda b: b.name)
def test_families_are_parallel_where_the_benchmark_is(benchmark: Benchmark) -> None:
    one, two = list(benchmark.languages)[:2]
    first = [e.prompt.family for e in examples_of(benchmark, one)]
    second = [e.prompt.family for e in examples_of(benchmark, two)]
    if benchmark in (XWINOGRAD, TRUTHFULQA, INCLUDE_LITE):
        assert not set(first) & set(second)
    else:
        assert first == second


# Bad input

COLUMNS = {
    "xcopa": ("premise", "choice1", "choice2", "question", "label"),
    "paws_x": ("sentence1", "sentence2", "label"),
    "xwinograd": ("sentence", "option1", "option2", "answer"),
    "belebele": ("flores_passage", "question", "mc_answer4", "correct_answer_num", "link"),
    "mmlu": ("question", "option_c", "answer", "subject"),
    "global_mmlu_lite": ("question", "option_c", "answer", "subject"),
    "mmmlu": ("Question", "C", "Answer", "Subject"),
    "mmlu_prox_lite": ("question", "option_1", "answer", "category"),
    "include_lite": ("question", "answer"),
    "xnli": ("premise", "hypothesis", "label"),
    "xstorycloze": ("input_sentence_4", "sentence_quiz2", "answer_right_ending", "story_id"),
    "arc": ("instruction", "option_a", "answer"),
    "hellaswag": ("activity_label", "ctx_a", "endings", "label"),
    "truthfulqa": ("question", "mc1_targets_choices", "mc2_targets_labels"),
}
LABELS: dict[str, tuple[str, object]] = {
    "xcopa": ("label", 2),
    "paws_x": ("label", 2),
    "xwinograd": ("answer", 0),
    "belebele": ("correct_answer_num", 0),
    "mmlu": ("answer", "E"),
    "global_mmlu_lite": ("answer", "E"),
    "mmmlu": ("Answer", "E"),
    "mmlu_prox_lite": ("answer", "K"),
    "include_lite": ("answer", 4),
    "xnli": ("label", -1),
    "xstorycloze": ("answer_right_ending", 0),
    "arc": ("answer", "F"),
    "hellaswag": ("label", 4),
    "truthfulqa": ("mc1_targets_labels", [1, 2, 0]),
}


def first_tag(benchmark: Benchmark) -> str:
    return next(iter(benchmark.languages))


@pytest.mark.parametrize("benchmark", ALL, ids=lambda b: b.name)
def test_a_missing_column_is_one_clear_line(benchmark: Benchmark) -> None:
    tag = first_tag(benchmark)
    for column in COLUMNS[benchmark.name]:
        row = {k: v for k, v in rows_of(benchmark, tag)[0].items() if k != column}
        with pytest.raises(ValueError, match=rf"expected a column '{column}'") as error:
            examples_of(benchmark, tag, [row])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("benchmark", ALL, ids=lambda b: b.name)
def test_a_label_out_of_range_is_one_clear_line(benchmark: Benchmark) -> None:
    tag = first_tag(benchmark)
    column, value = LABELS[benchmark.name]
    with pytest.raises(ValueError, match=r"expected .*, came .*; give the set as it is") as error:
        examples_of(benchmark, tag, [{**rows_of(benchmark, tag)[0], column: value}])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "benchmark", [XWINOGRAD, BELEBELE, HELLASWAG, TRUTHFULQA], ids=lambda b: b.name
)
def test_shots_of_a_set_without_worked_examples_are_an_error(benchmark: Benchmark) -> None:
    with pytest.raises(ValueError, match=r"expected 0 shots.*came 3"):
        examples_of(benchmark, first_tag(benchmark), shots=3)
    assert not benchmark.source.train_split


def bad_rows() -> list[Any]:
    truth, wino, hella = (
        MADE_UP["truthfulqa"][0],
        GOLD["xwinograd"]["en"]["rows"][0],
        MADE_UP["hellaswag"][0],
    )
    mention = ["Ada", [0, 1], ["Ada"], True]
    tokens = {"sentence": "Ada left.", "tokens": ["Bea"], "pronoun": ["Ada", [0, 1], ["Ada"]]}
    return [
        (
            TRUTHFULQA,
            {**truth, "mc1_targets_labels": [1, 1, 0]},
            "expected one true answer, came 2",
        ),
        (
            TRUTHFULQA,
            {**truth, "mc2_targets_labels": [0, 0, 0, 0]},
            "expected a true answer, came 0",
        ),
        (TRUTHFULQA, {**truth, "mc2_targets_labels": [1]}, "a label for each of 4 answers, came 1"),
        (XWINOGRAD, {**wino, "sentence": "no blank"}, "expected one blank `_`, came 0"),
        (XWINOGRAD, {**tokens, "options": [mention]}, "two options of which one is right, came 1"),
        (XWINOGRAD, {**tokens, "options": [mention, [*mention[:3], False]]}, "its tokens in it"),
        (HELLASWAG, {**hella, "endings": ["sings"]}, "expected 4 endings, came 1"),
        (
            INCLUDE_LITE,
            {"question": "?", "choices": ["a"], "answer": 0},
            "at least 4 without a gap",
        ),
        (
            MMLU_PROX_LITE,
            {**MADE_UP["mmlu_prox_lite"][0], "option_5": None},
            "at least 2 without a gap, came 9 of 10",
        ),
    ]


@pytest.mark.parametrize(("benchmark", "row", "message"), bad_rows())
def test_a_row_that_cannot_be_is_one_clear_line(
    benchmark: Benchmark, row: Row, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        examples_of(benchmark, "en" if "en" in benchmark.languages else "de", [row])
    assert "\n" not in str(error.value)


def test_the_cloze_of_paws_x_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="leave one out"):
        examples_of(PAWS_X, "de", answering="generation", variant=CLOZE)


# Real rows


def test_the_real_rows_of_xcopa_are_questions_in_every_language() -> None:
    rows = published_rows("xcopa/xcopa.jsonl.gz")
    families = {}
    for tag, code in XCOPA.languages.items():
        own = [row for row in rows if row["lang"] == code]
        num_test = sum(row["split"] == "test" for row in own)
        if not own:
            continue
        for answering in XCOPA.answering:
            examples = examples_of(XCOPA, tag, own, answering=answering)
            assert len(examples) == num_test
        families[tag] = [example.prompt.family for example in examples]
        scored = examples_of(XCOPA, tag, own, answering="likelihood")
        assert all(not e.prompt.text.endswith((".", "。", " ")) for e in scored)
    assert len(families) >= 7
    assert len({tuple(sorted(each)) for each in families.values()}) == 1


def test_the_real_rows_of_xwinograd_are_questions_in_every_language() -> None:
    rows = published_rows("xwinograd/xwinograd.jsonl.gz")
    num = Counter(row["lang"] for row in rows)
    seen: set[str] = set()
    for tag, code in XWINOGRAD.languages.items():
        own = [row for row in rows if row["lang"] == code]
        examples = examples_of(XWINOGRAD, tag, own, answering="likelihood")
        assert len(examples) == num[code] > 0
        for row, example in zip(own, examples, strict=True):
            right = next(mention[0] for mention in row["options"] if mention[-1])
            assert example.choices[example.prompt.gold].strip().startswith(right)
            assert row["sentence"].strip().startswith(example.prompt.text)
        families = {example.prompt.family for example in examples}
        assert len(families) == len(own)
        assert not families & seen
        seen |= families
