"""In every language a right number scores 1 and another 0, however it is written."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from published import is_whole, published

from isoglot.benchmarks.afrimgsm import AFRIMGSM
from isoglot.benchmarks.benchmark import PromptFormat, literals
from isoglot.benchmarks.conversations import content_of
from isoglot.benchmarks.maths import MATHS_ACCURACY, VARIANTS, answer_number, grade_number
from isoglot.benchmarks.mgsm import MGSM
from isoglot.benchmarks.msvamp import MSVAMP
from isoglot.benchmarks.rows import RowReader
from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Prompt

GOLD = tomllib.loads((Path(__file__).parents[1] / "gold" / "maths.toml").read_text("utf-8"))
WORDS = literals("maths")
TAGS = list(WORDS)
ZEROS = {"bn": "০", "te": "౦", "th": "๐"}
UNITS = [
    "{}",
    "${}",
    "{}%",
    "{} €",
    "**{}**",
    "`{}`",
    "{} kg",
    "€{}",
    "\\boxed{{{}}}",
    "¥{}",
    "{}円",
    "{}บาท",
]


def grade(text: str, gold: object) -> float:
    return grade_number(Prompt.from_text("?", language="en", gold=str(gold)), text)


def in_digits_of(zero: str, text: str) -> str:
    return "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)


numbers = st.integers(-(10**7), 10**7)
writings = st.sampled_from(
    ["{:d}", "{:,d}", "{:_d}", "{: d}", "{:.d}", "{:'d}", "{:d}.0", "{:d}.00"]
)


def written(number: int, writing: str, tag: str, *, native: bool) -> str:
    separator = writing[2:3] if writing[2:3] in ",_ .'" else ""
    text = f"{number:,d}".replace(",", "\u202f" if separator == "_" else separator)
    text += writing.partition("}")[2]
    return in_digits_of(ZEROS[tag], text) if native and tag in ZEROS else text


@settings(deadline=None)  # the first one reads the words of CLDR
@given(numbers, writings, st.sampled_from(UNITS), st.sampled_from(TAGS), st.booleans())
def test_an_announced_gold_scores_1_and_another_number_0(number, writing, unit, tag, native):
    text = unit.format(written(number, writing, tag, native=native))
    solution = f"3 + 4 = 7\n{WORDS[tag]['answer'].format(number=text)}"
    for ending in ("", "\n\nI counted 99999999 twice."):
        assert grade(solution + ending, number) == 1.0
        assert grade(solution + ending, number + 1) == 0.0


@settings(deadline=None)
@given(
    numbers,
    st.sampled_from(TAGS),
    st.booleans(),
    st.sampled_from([": ", " ", ":\n\n", "：", " = "]),
)
def test_headings_announce_what_follows_directly(number, tag, native, between):
    text = written(number, "{:d}", tag, native=native)
    for heading in WORDS[tag]["headings"]:
        assert grade(f"3 + 4\n**{heading}**{between}{text}\n\n12 - 99999999", number) == 1.0


@pytest.mark.parametrize("tag", TAGS)
def test_every_announcement_is_understood_in_any_case(tag):
    for words in WORDS[tag]["announcements"]:
        for form in (words, words.upper(), f"**{words}**"):
            assert grade(f"{form} 18. 3", 18) == 1.0, form


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ("The answer is 5. Wait. The answer is 18. It took 3 steps.", "18", 1),
        ("Antwort: Janet hat 16 Eier, isst 3 und backt mit 4. Es bleiben 9.", "9", 1),
        ("The answer is 3 × 6 = 18, not 20.", "18", 1),
        ("The answer is that he needs 18 eggs out of 20.", "18", 1),
        ("The answer is:\n\n18\n\nsince 3 and 6.", "18", 1),
        ("The answer is unclear to me. Perhaps 18", "18", 1),
        ("The answer is 18. The answer is what I said. 5 steps", "18", 1),
        ("উত্তর হল ১,১২৫ কেজি", "1.125", 1),
        ("16 - 3 = 13\n#### 13 \nChecked 2 times", "13", 1),
        ("Thus $\\boxed{1{,}250}$ after 3 steps", "1250", 1),
        ("Ответ - 18 рублей за 3 дня.", "18", 1),
        ("Ответ: 6 + 12 = 18.", "18", 1),
        ("Ответ: 18, потому что 6 раз по 3.", "18", 1),
        ("Ответ — −18", "-18", 1),
        ("12が答えです。", "12", 1),
        ("答えは、1,250個です。3回数えました。", "1250", 1),
        ("উত্তর হল ১,২৫০ টাকা। ৩ বার", "1250", 1),
        ("La réponse est 2,5 kg en 3 fois", "2.5", 1),
        ("La réponse est 2,5 kg", "25", 0),
        ("The answer is 1.125", "1.125", 1),
        ("The answer is 1.125", "1125", 1),
        ("El resultado es 1,125", "1.125", 1),
        ("The answer is eighteen.", "18", None),
        ("", "18", 0),
        ("The answer is 18.", "81", 0),
    ],
)
def test_solutions(text, gold, value):
    assert grade(text, gold) == value


@cases(
    *("maths_announced", "maths_box", "maths_currency", "maths_decomposed", "maths_full_width"),
    *("maths_minus", "maths_myriads", "maths_not_but", "maths_runs_on", "maths_unread_forms"),
)
def test_answers_that_were_misread(case):
    prompt = Prompt.from_text("?", language=case.input["language"], gold=case.input["gold"])
    assert grade_number(prompt, case.input["text"]) in case.right


@pytest.mark.parametrize("gold", ["", "None", "eighteen", "1/2", "12,5", "1,2345", "True"])
def test_a_gold_that_is_no_number_is_refused(gold):
    with pytest.raises(ValueError, match="expected a number as gold answer"):
        grade("18", gold)


@cases("gold")
def test_golds_of_files(case):
    rows = [
        {"question": "?", "answer_number": 1},
        {"question": "?", "answer": json.loads(case.input)},
    ]
    if case.right == ("refused",):
        with pytest.raises(ValueError, match=r"mgsm\[de\], row 2: .*expected a (number|column)"):
            MGSM.examples(lambda _: rows, "de", PromptFormat())
    else:
        assert MGSM.examples(lambda _: rows, "de", PromptFormat())[1].prompt.gold in case.right


def test_the_words_are_complete_and_of_the_table():
    keys = {tuple(words) for words in WORDS.values()}
    assert len(keys) == 1
    assert set(WORDS) == {*MGSM.languages, *AFRIMGSM.languages} > set(MSVAMP.languages)
    assert set(WORDS) <= set(LANGUAGES)
    for words in WORDS.values():
        assert all(words.values())
        assert answer_number(words["answer"].format(number=18)) == Decimal(18)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_prompts_are_as_frozen(tag, variant):
    rows = [{"question": text, "answer": "1,000"} for text in GOLD[tag]["questions"]]
    benchmark = MGSM if tag in MGSM.languages else AFRIMGSM
    examples = benchmark.examples(lambda _: rows, tag, PromptFormat(variant=variant))
    assert [example.prompt.text for example in examples] == GOLD[tag][variant]
    assert {example.prompt.language for example in examples} == {tag}
    asked_in = "en" if variant == "english_cot" else tag
    assert {example.prompt.answer_language for example in examples} == {asked_in}
    assert [example.prompt.gold for example in examples] == ["1000", "1000"]


def trained(split: str) -> list[dict]:
    """Made-up rows as the hub has them, with the labels of the published ones."""
    if split == "test":
        return [{"question": "Wie viele?", "answer": None, "answer_number": 7}]
    tag = split.partition("@")[2] or "de"
    words = {
        "de": ("Frage", "Schritt-für-Schritt-Antwort"),
        "en": ("Question", "Step-by-Step Answer"),
    }
    question, answer = words[tag]
    return [
        {
            "question": f"{question}: {number} + 1 = ({tag})?",
            "answer": f"{answer}: {WORDS[tag]['answer'].format(number=number + 1)}",
            "answer_number": number + 1,
        }
        for number in range(8)
    ]


def test_shots_are_earlier_turns_without_labels():
    for variant, answers in {
        "native_cot": ["Die Antwort lautet 1.", "Die Antwort lautet 2."],
        "english_cot": ["The answer is 1.", "The answer is 2."],
        "direct": ["1", "2"],
    }.items():
        [example] = MGSM.examples(trained, "de", PromptFormat(variant=variant, shots=2))
        turns = [message["content"] for message in example.prompt.prompt]
        assert turns[1:4:2] == answers
        assert turns[0].endswith("\n\n0 + 1 = (de)?")
        assert (
            turns[4] == MGSM.examples(trained, "de", PromptFormat(variant=variant))[0].prompt.text
        )


def test_an_answer_without_announcement_gets_one():
    def rows(split: str) -> list[dict]:
        if split == "train":
            return [{"question": "1 + 1?", "answer": "Eins und eins sind 2."}]
        return [{"m_query": "?", "response": "7.0"}]

    [example] = MSVAMP.examples(rows, "de", PromptFormat(shots=1))
    answer = example.prompt.prompt[1]["content"]
    assert answer == "Eins und eins sind 2. Die Antwort lautet 2."


def test_bad_questions():
    with pytest.raises(
        ValueError, match="mgsm: unknown variant 'native'; did you mean 'native_cot'"
    ):
        MGSM.examples(trained, "de", PromptFormat(variant="native"))
    with pytest.raises(ValueError, match="expected at least 9 worked examples, came 8"):
        MGSM.examples(trained, "de", PromptFormat(shots=9))


def test_another_question_is_another_content():
    ids = {
        content_of(MGSM.examples(trained, "de", PromptFormat(variant=variant, shots=shots)))
        for variant in VARIANTS
        for shots in (0, 1, 2)
    }
    assert len(ids) == 9
    [example] = MGSM.examples(trained, "de", PromptFormat())
    assert content_of([example]) == content_of(MGSM.examples(trained, "de", PromptFormat()))


@pytest.mark.parametrize(("benchmark", "num"), [(MGSM, 116), (MSVAMP, 493)], ids=["mgsm", "msvamp"])
def test_real_rows_are_parallel_and_their_gold_scores_1(benchmark, num):
    folder = published(benchmark.name)
    num = num if is_whole(folder) else 2
    families, golds = [], []
    for tag in ("de", "en", "es", "fr", "ja", "ru", "sw", "th", "zh-Hans"):
        examples = benchmark.examples(RowReader(benchmark, tag, data=folder), tag, PromptFormat())
        families.append([example.prompt.family for example in examples])
        golds.append([Decimal(example.prompt.gold) for example in examples])
        assert len({example.prompt.prompt_id for example in examples}) == num
        for example in examples:
            gold, announce = Decimal(example.prompt.gold), WORDS[tag]["answer"].format
            assert MATHS_ACCURACY.grade(example.prompt, announce(number=f"{gold:,}")) == (1.0, 1.0)
            assert MATHS_ACCURACY.grade(example.prompt, announce(number=gold + 1)) == (0.0, 1.0)
    assert all(len(family) == num and family == families[0] for family in families)
    assert all(gold == golds[0] for gold in golds)
