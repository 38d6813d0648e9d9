"""The number of an answer is the one that it states, in every language of the table."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from isoglot.benchmarks.benchmark import literals
from isoglot.benchmarks.stated_number import stated_number

LINES = (Path(__file__).parents[1] / "gold" / "stated_numbers.tsv").read_text("utf-8")
ROWS = [line.split("\t") for line in LINES.splitlines()[1:]]
WORDS = literals("stated_number")


@pytest.mark.parametrize(("tag", "answer", "gold", "grade"), ROWS)
def test_gold_rows(tag, answer, gold, grade):
    number = stated_number(json.loads(answer), tag)
    is_gold = False if number is None else number.equals(Fraction(gold))
    assert is_gold is (None if grade == "" else grade == "1")


@pytest.mark.parametrize("tag", WORDS)
def test_the_words_of_every_language_announce_a_number(tag):
    words = WORDS[tag]
    assert set(words) == {"answer", "is", "question"}
    for noun in words["answer"]:
        for announced in (f"{noun}: 18", *(f"{noun} {verb} 18" for verb in words["is"])):
            assert stated_number(f"5 + 13\n{announced}, 3", tag).values == (18,), announced


@pytest.mark.parametrize("tag", WORDS)
def test_an_answer_ends_where_the_next_problem_begins(tag):
    words = WORDS[tag]
    for label in words["question"]:
        answer = f"{words['answer'][0]}: 18.\n\n{label}: 3 + 4?\n{words['answer'][0]}: 7"
        assert stated_number(answer, tag).values == (18,), label
        assert stated_number(f"{label}: 3 + 4?\n{words['answer'][0]}: 7", tag).values == (7,)


def test_an_answer_ends_where_its_prompt_begins_again():
    prompt = "Zoé avait douze pommes et sept poires dans son grand panier ; combien en reste-t-il ?"
    answer = f"9\n\n{prompt.replace('reste', 'manque')}\n\n10"
    assert stated_number(answer, "fr", (prompt,)).values == (9,)
    assert stated_number(answer, "fr").values == (10,)
