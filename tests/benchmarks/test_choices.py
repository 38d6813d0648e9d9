"""What a written answer announces in every language and script, and which choice is likeliest."""

import json
import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.benchmarks.benchmark import PromptFormat, literals
from isoglot.benchmarks.choices import (
    ACCURACY_PER_CHAR,
    CHOICE_ACCURACY,
    LETTERS,
    ChoiceItem,
    after,
    cloze,
    generation_gold,
    grade_likeliest,
    grade_stated,
    lettered,
    named,
    render_items,
    worked_examples,
)
from isoglot.benchmarks.stated_choice import UNDETERMINED, Options, choice_words, find_stated_choice
from isoglot.core.records import Choice, Prompt

WORDS = literals("choices")
TEN = {letter: letter for letter in "ABCDEFGHIJ"}
FOUR = Options(
    {letter: letter for letter in "ABCD"},
    {"A": ["London"], "B": ["Paris"], "C": ["A dog"], "D": ["Vitamin C"]},
)
CYRILLIC = [tag for tag in WORDS if "Г" in WORDS[tag]["letters"]]

READ = [
    ("en", "B", "B"),
    ("en", "b", "B"),
    ("en", "(b)", "B"),
    ("en", "b)", "B"),
    ("en", "**B**", "B"),
    ("en", "“B”", "B"),
    ("en", "Ｂ", "B"),
    ("en", "B. Paris", "B"),
    ("en", "Option B", "B"),
    ("en", "Answer: B", "B"),
    ("en", "Answer:\nB", "B"),
    ("en", "The answer is B.", "B"),
    ("en", "The answer is (b).", "B"),
    ("en", "The correct answer is option B: Paris", "B"),
    ("en", "The answer is A because it rains", "A"),
    ("en", "The answer I give is B.", "B"),
    ("en", "Answer: I think it is B.", "B"),
    ("en", "$\\boxed{B}$", "B"),
    ("en", "\\boxed{\\text{C}}", "C"),
    ("en", "Answer: Paris", "B"),
    ("en", "It is Paris", "B"),
    ("en", "paris!", "B"),
    ("en", "I think it is Vitamin C.", "D"),
    ("en", "A dog", "C"),
    ("en", "The answer is a dog", "C"),
    ("en", "Answer: A dog", "C"),
    ("en", "Answer: B\nExplanation: London is in England", "B"),
    ("en", "A. London\nB. Paris\nC. A dog\n\nB", "B"),
    ("en", "At first the answer is A. But no, the answer is C.", "C"),
    ("en", "The answer is B, not A.", "B"),
    ("en", "B\n\nQuestion: And who?\nAnswer: C", "B"),
    ("ar", "الإجابة الصحيحة هي ب", "B"),
    ("ar", "(ج)", "C"),
    ("ar", "ب)", "B"),
    ("am", "ትክክለኛው መልስ ለ", "B"),
    ("am", "መልስ፦ ለ", "B"),
    ("bn", "সঠিক উত্তর হলো খ", "B"),
    ("de", "Die richtige Antwort lautet: B) Paris", "B"),
    ("de", "Die Antwort ist B, da …", "B"),
    ("el", "Απάντηση: Γ", "C"),
    ("es", "La respuesta correcta es la opción B", "B"),
    ("es", "La respuesta es la B porque sí", "B"),
    ("fa", "پاسخ درست گزینهٔ ب است", "B"),
    ("fr", "La bonne réponse est la lettre B", "B"),
    ("fr", "Réponse : B", "B"),
    ("fr", "C'est Paris", "B"),
    ("he", "התשובה הנכונה היא ב.", "B"),
    ("hi", "सही उत्तर ख है", "B"),
    ("hi", "उत्तर: (ख)", "B"),
    ("hi", "बी", "B"),
    ("hu", "A helyes válasz a B.", "B"),
    ("hy", "Պատասխան՝ Բ", "B"),
    ("id", "Jawaban yang benar adalah B", "B"),
    ("ja", "正解はBです。", "B"),
    ("ja", "答え：Ｂ", "B"),
    ("ka", "პასუხი: ბ", "B"),
    ("ko", "정답은 B입니다", "B"),
    ("ko", "답: 나", "B"),
    ("pt", "A resposta correta é a B", "B"),
    ("pt", "A resposta é A, B está errada", "A"),
    ("ru", "Ответ: Б", "B"),
    ("ru", "Правильный ответ — А.", "A"),
    ("ru", "С)", "C"),
    ("sw", "Jibu sahihi ni B", "B"),
    ("ta", "பதில்: ஆ", "B"),
    ("te", "సమాధానం: బి", "B"),
    ("th", "คำตอบคือ ข", "B"),
    ("th", "ตอบข้อ ข.", "B"),
    ("tr", "Doğru cevap B'dir.", "B"),
    ("tr", "Cevabım: B şıkkı", "B"),
    ("ur", "جواب: ب", "B"),
    ("vi", "Câu trả lời là B.", "B"),
    ("zh-Hans", "答案是B", "B"),
    ("zh-Hans", "正确答案是（B）", "B"),
    ("zh-Hans", "答案是甲", "A"),
]

UNREADABLE = [
    ("en", ""),
    ("en", "I don't know."),
    ("en", "I pick b or maybe not"),
    ("en", "E"),
    ("en", "The answer is A or B"),
    ("en", "The answer is A/B"),
    ("en", "The answer is either A or B"),
    ("en", "(A) or (B)"),
    ("en", "B. London"),
    ("en", "Answer: A cat sat on it"),
    ("en", "A. London\nB. Paris\nC. A dog\nD. Vitamin C"),
    ("en", "London or Paris"),
    ("en", "a Londoner"),
    ("fr", "C'est vrai"),
    ("ru", "Ответ: В"),  # looks like B, comes third
    ("th", "มาก"),
    ("hi", "का"),
    ("mr", "क"),  # third in one habit, first in the other
]


@pytest.mark.parametrize(("tag", "text", "label"), READ)
def test_an_announced_answer_is_read(tag: str, text: str, label: str) -> None:
    assert find_stated_choice(text, FOUR, tag) == label


@pytest.mark.parametrize(("tag", "text"), UNREADABLE)
def test_no_or_several_answers_are_unknown(tag: str, text: str) -> None:
    assert find_stated_choice(text, FOUR, tag) is None


def ways_to_write(letter: str, tag: str) -> list[str]:
    words, small = choice_words(tag), letter.lower()
    ways = [letter, small, f"({letter})", f"[{small}]", f"{letter}.", f"{small})", f"**{letter}**"]
    ways += [f"{letter}. text-{letter}", f"text-{letter}", f"text-{small}."]
    answer = words["answer"]
    ways += [f"{answer} {letter}", f"{answer}{letter}", f"{answer} ({small})"]
    ways += [f"{answer}\n{letter}"]
    for phrase in words["phrases"]:
        ways += [f"{phrase} {letter}.", f"{phrase}: {letter}"]
        ways += [f"{phrase} {filler} {letter}" for filler in words["fillers"]]
    place = LETTERS.index(letter)
    others = words["letters"][place].split() if place < len(words["letters"]) else []
    return ways + [way for other in others for way in (other, f"({other})", f"{answer} {other}")]


@pytest.mark.parametrize("tag", WORDS)
def test_every_way_to_write_a_letter_is_read_in_every_language(tag: str) -> None:
    offered = Options(TEN, {label: [f"text-{label}"] for label in TEN})
    read = {
        (letter, way): find_stated_choice(way, offered, tag)
        for letter in TEN
        for way in ways_to_write(letter, tag)
    }
    assert {key: label for key, label in read.items() if label != key[0]} == {}


@pytest.mark.parametrize("tag", WORDS)
def test_two_letters_joined_are_unknown_in_every_language(tag: str) -> None:
    words = choice_words(tag)
    for join in words["joins"]:
        for phrase in words["phrases"]:
            assert find_stated_choice(f"{phrase} C {join} D.", FOUR, tag) is None, (phrase, join)


@pytest.mark.parametrize("tag", CYRILLIC)
def test_a_letter_that_could_be_two_is_unknown(tag: str) -> None:
    assert find_stated_choice("В", FOUR, tag) is None


@given(st.permutations(list("ABCD")), st.integers(0, 3))
def test_the_order_of_the_options_does_not_matter(order: list[str], place: int) -> None:
    texts = {label: FOUR.texts[label] for label in order}
    offered = Options({label: label for label in order}, texts)
    label = order[place]
    assert find_stated_choice(f"({label})", offered, "en") == label
    assert find_stated_choice(FOUR.texts[label][0], offered, "en") == label


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert find_stated_choice(text, FOUR, "en") in (None, *"ABCD")


@given(st.sampled_from(sorted(WORDS)), st.sampled_from("ABCD"), st.sampled_from("ABCD"))
def test_the_last_announced_answer_wins(tag: str, first: str, last: str) -> None:
    phrase = choice_words(tag)["phrases"][0]
    assert find_stated_choice(f"{phrase}: {first}.\n{phrase}: {last}.", FOUR, tag) == last


def test_numbers_are_read_whole() -> None:
    offered = Options({"A": "A", "B": "B"}, {"A": ["5"], "B": ["15"]})
    read = {
        text: find_stated_choice(text, offered, "en")
        for text in ("5", "15", "-5", "0.5", "5.2", "15.")
    }
    assert read == {"5": "A", "15": "B", "-5": None, "0.5": None, "5.2": None, "15.": "B"}


def test_an_option_within_another_is_not_announced_by_it() -> None:
    offered = Options({"A": "A", "B": "B"}, {"A": ["the dog"], "B": ["the dog house"]})
    assert find_stated_choice("it is the dog house", offered, "en") == "B"
    assert find_stated_choice("it is the dog", offered, "en") == "A"


def test_options_of_the_same_text_do_not_announce_the_first() -> None:
    offered = Options({"A": "A", "B": "B"}, {"A": ["same"], "B": ["same"]})
    assert find_stated_choice("same", offered, "en") is None
    assert find_stated_choice("B. same", offered, "en") == "B"


def test_yes_and_no_count_where_they_begin_or_stand_alone() -> None:
    offered = Options({}, {"paraphrase": ["Sí"], "different": ["No"]})
    read = [
        find_stated_choice(text, offered, "es")
        for text in ("Sí, son iguales", "no", "Creo que no es así", "Pienso.\nNo.", "Respuesta: sí")
    ]
    assert read == ["paraphrase", "different", None, "different", "paraphrase"]


# The words


def test_every_language_has_the_same_words() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}
    for tag, words in WORDS.items():
        assert "{text}" in words["question"], tag
        assert "{text}" in words["passage"], tag
        assert words["native"] == (tag != UNDETERMINED)
        assert all(words[key] for key in ("instruction", "answer", "phrases", "fillers", "joins"))
        for text in (words["instruction"], words["question"], words["answer"], words["passage"]):
            assert unicodedata.is_normalized("NFC", text), (tag, text)


def test_no_way_to_write_a_letter_stands_for_two() -> None:
    for tag, words in WORDS.items():
        ways = [way.upper() for each in words["letters"] for way in each.split()]
        assert len(ways) == len(set(ways)), tag
        assert not set(ways) & set(LETTERS), tag
        assert len(words["letters"]) <= 10


def test_a_language_without_words_is_asked_in_english() -> None:
    assert not choice_words("bm")["native"]
    assert {**choice_words("bm"), "native": True} == choice_words("en")


# Likelihoods


def choices_of(
    values: dict[str, float | None], texts: dict[str, str] | None = None
) -> list[Choice]:
    texts = texts or {}
    return [
        Choice("f", "p", "en", "m", label, texts.get(label, " x"), value, 1)
        for label, value in values.items()
    ]


def prompt_with(gold: str) -> Prompt:
    return Prompt.from_text("?", language="en", gold=gold)


finite = st.floats(-1e6, 0)


@given(st.dictionaries(st.sampled_from("ABCD"), finite, min_size=2))
def test_the_grades_of_all_labels_sum_to_one(values: dict[str, float]) -> None:
    choices = choices_of(values)
    grades = [grade_likeliest(prompt_with(label), choices) for label in values]
    assert sum(grades) == pytest.approx(1)


@given(st.dictionaries(st.sampled_from("ABCD"), finite, min_size=2), st.randoms())
def test_the_order_of_the_choices_does_not_matter(values: dict[str, float], random) -> None:
    choices = choices_of(values)
    shuffled = random.sample(choices, len(choices))
    for label in values:
        prompt = prompt_with(label)
        assert grade_likeliest(prompt, choices) == grade_likeliest(prompt, shuffled)


def test_a_tie_is_worth_its_share() -> None:
    choices = choices_of({"A": -1.0, "B": -1.0, "C": -2.0})
    assert [grade_likeliest(prompt_with(label), choices) for label in "ABC"] == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_likelihood_makes_the_example_unknown(missing: float | None) -> None:
    choices = choices_of({"A": -1.0, "B": missing})
    assert grade_likeliest(prompt_with("A"), choices) is None
    assert CHOICE_ACCURACY.grade_choices(prompt_with("A"), choices) is None


def test_impossible_choices_are_less_likely_than_all_others() -> None:
    assert grade_likeliest(prompt_with("B"), choices_of({"A": -math.inf, "B": -900.0})) == 1.0


def test_per_char_divides_by_the_characters_without_blanks_around_them() -> None:
    choices = choices_of({"A": -4.0, "B": -6.0}, {"A": " ab", "B": " abcd"})  # -2.0 and -1.5
    assert CHOICE_ACCURACY.grade_choices(prompt_with("A"), choices) == (1.0, 1.0)
    assert ACCURACY_PER_CHAR.grade_choices(prompt_with("A"), choices) == (0.0, 1.0)
    assert ACCURACY_PER_CHAR.grade_choices(prompt_with("B"), choices) == (1.0, 1.0)
    assert ACCURACY_PER_CHAR.grade(prompt_with("B"), "B") is None


def test_gold_that_is_none_of_the_choices_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected a choice with the gold label 'C', came A, B"):
        grade_likeliest(prompt_with("C"), choices_of({"A": -1.0, "B": -2.0}))


# Prompts


def question(text: str, gold: str = "B", subject: str = "") -> ChoiceItem:
    return ChoiceItem(text, text, {"A": f"{text} a", "B": f"{text} b"}, gold, subject=subject)


def test_a_written_gold_says_all_that_was_offered() -> None:
    example = lettered(question("q"), [], "en", PromptFormat(answering="generation"))
    assert json.loads(example.prompt.gold) == {
        "label": "B",
        "letters": {"A": "A", "B": "B"},
        "texts": {"A": ["q a"], "B": ["q b"]},
    }
    assert example.choices == {}
    assert grade_stated(example.prompt, "q b") == 1.0
    assert grade_stated(example.prompt, "q a") == 0.0
    assert grade_stated(example.prompt, "q") is None


def test_a_gold_of_likelihood_cannot_grade_a_written_answer() -> None:
    with pytest.raises(ValueError, match="set `answering` to generation"):
        grade_stated(prompt_with("B"), "B")


def test_letters_follow_the_prompt_of_generation() -> None:
    for tag, blank in (("en", " "), ("zh-Hans", ""), ("ja", ""), ("hy", " "), ("km", " ")):
        scored = lettered(question("q"), [], tag, PromptFormat(answering="likelihood"))
        written = lettered(question("q"), [], tag, PromptFormat(answering="generation"))
        assert scored.prompt.text == written.prompt.text
        assert scored.prompt.gold == "B"
        assert scored.choices == {"A": f"{blank}A", "B": f"{blank}B"}


def test_worked_examples_are_the_same_for_all_and_never_the_question_itself() -> None:
    train = [question("q2"), question("s1"), question("s2"), question("s3")]
    items = [question("q1"), question("q2")]
    two_shots = PromptFormat(shots=2)
    shots = worked_examples("x", 2, items, train)
    for render in (lettered, cloze):
        examples = render_items(render, items, shots, "en", two_shots)
        for example, each in zip(examples, items, strict=True):
            before, _, last = example.prompt.text.rpartition("Question: ")
            assert last.startswith(each.text)
            assert [name for name in ("s1", "s2", "s3") if f"Question: {name}" in before] == [
                "s1",
                "s2",
            ]
            assert "q2" not in before


def test_worked_examples_are_answered() -> None:
    one_shot = PromptFormat(shots=1)
    written = lettered(question("q"), [question("s")], "en", one_shot)
    scored = cloze(question("q"), [question("s")], "en", one_shot)
    assert "Question: s\nA. s a\nB. s b\nAnswer: B\n\nQuestion: q\n" in written.prompt.text
    assert scored.prompt.text == "Question: s\nAnswer: s b\n\nQuestion: q\nAnswer:"
    assert scored.choices == {"A": " q a", "B": " q b"}


def test_worked_examples_are_of_the_same_subject() -> None:
    asked = [question("q1", subject="law"), question("q2", subject="art")]
    shots = [question("s1", subject="art"), question("s2", subject="law")]
    law, art = render_items(lettered, asked, shots, "en", PromptFormat(shots=1))
    assert "Question: s2" in law.prompt.text
    assert "Question: s1" not in law.prompt.text
    assert "Question: s1" in art.prompt.text


def test_too_few_worked_examples_are_an_error() -> None:
    with pytest.raises(ValueError, match="x: expected 3 worked examples of law, came 1; use fewer"):
        worked_examples("x", 3, [question("q", subject="law")], [question("s", subject="law")])


def test_a_label_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"label of row .*: expected 0 or 1, came 2; give the set"):
        named(2, {"0": "no", "1": "yes"}, "label", {"label": 2})


def test_a_text_follows_with_a_blank_but_after_full_width_signs() -> None:
    assert [after(prompt, "x") for prompt in ("a", "a:", "答案：", "a\n", "")] == [
        " x",
        " x",
        "x",
        "x",
        "x",
    ]


@given(st.text(), st.text())
def test_a_written_gold_is_read_as_it_was_written(first: str, second: str) -> None:
    gold = json.loads(generation_gold("A", {"A": "A"}, {"A": [first], "B": [second]}))
    assert gold["texts"] == {"A": [first], "B": [second]}
