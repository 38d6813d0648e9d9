"""The world of the almanac: CLDR's words are right, the answers exact, the languages told apart."""

import random
from datetime import date
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.evals.graders import grade_exact
from isoglot.lab.almanac import (
    ALMANAC_LANGUAGES,
    PLACES,
    SUM_KINDS,
    Sum,
    render_sum,
    sample_sum,
    words_of,
)
from isoglot.lab.almanac_corpus import almanac_corpus
from isoglot.lab.almanac_identifier import AlmanacIdentifier
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.lab.world import distinct, split_of

SUMS = st.integers(0, 10**9).map(lambda seed: sample_sum(random.Random(seed)))
DE = PLACES.index("DE")


@pytest.mark.parametrize(
    ("question", "language", "text", "answer"),
    [
        (
            Sum("weekday", 2, 3, DE),
            "de",
            "Mittwoch + 3 Tage; Deutschland",
            "Samstag und Deutschland",
        ),
        (Sum("month", 10, 4, DE), "en", "November + 4 months; Germany", "March and Germany"),
        (Sum("month", 0, 1, DE), "sw", "Januari + mwezi 1; Ujerumani", "Februari na Ujerumani"),
        (Sum("number", 7, 5, DE), "fr", "sept + cinq; Allemagne", "douze et Allemagne"),
        (Sum("unit", 2, 3, 2), "pl", "2 kilometry + 3 kilometry", "5 kilometrów"),
        (Sum("places", 2, 4, 7), "es", "Alemania; Francia; Japón", "Alemania, Francia y Japón"),
        (
            Sum("date", date(2024, 2, 28).toordinal(), 2, 0),
            "zh-Hans",
            "2024年2月28日星期三 + 2天",
            "2024年3月1日星期五",
        ),
        (
            Sum("date", date(2023, 12, 31).toordinal(), 1, 0),
            "es",
            "domingo, 31 de diciembre de 2023 + 1 día",
            "lunes, 1 de enero de 2024",
        ),
    ],
)
def test_what_is_said(question, language, text, answer):
    assert render_sum(question, language) == (text, answer)


def test_a_hundred_languages_say_every_kind():
    assert len(ALMANAC_LANGUAGES) == len(set(ALMANAC_LANGUAGES)) == 100
    for kind in SUM_KINDS:
        question = Sum(kind, *{"date": (738000, 3, 0)}.get(kind, (3, 5, 1)))
        said = {render_sum(question, language) for language in ALMANAC_LANGUAGES}
        assert all(text and answer for text, answer in said)
        assert len(said) > 75, kind  # few languages write a sum alike


def test_a_language_without_words_is_named():
    with pytest.raises(ValueError, match=r"does not speak 'ace'.*xllms-100"):
        words_of("ace")


@given(SUMS, st.sampled_from(ALMANAC_LANGUAGES), st.sampled_from(ALMANAC_LANGUAGES))
@settings(max_examples=200, deadline=None)
def test_the_answer_is_graded_exactly(question, language, other):
    _, answer = render_sum(question, language)
    _, elsewhere = render_sum(question, other)
    assert grade_exact(f" {answer.upper()} ", answer.upper()) == 1.0
    assert grade_exact(elsewhere, answer) == float(elsewhere.casefold() == answer.casefold())


def test_no_language_is_taken_for_another():
    identifier = AlmanacIdentifier(ALMANAC_LANGUAGES)
    questions = list(islice(distinct(sample_sum, "train", "identify"), 30))
    num_right = 0
    for language in ALMANAC_LANGUAGES:
        found = identifier.identify([render_sum(each, language)[1] for each in questions])
        assert set(found) <= {language, None}
        num_right += sum(tag == language for tag in found)
    assert num_right > 0.75 * len(questions) * len(ALMANAC_LANGUAGES)


def test_what_several_languages_write_is_unsure():
    identifier = AlmanacIdentifier(["nb", "da", "de", "ja"])
    assert identifier.identify(["12", "", "qwertz", "torsdag", "Donnerstag"]) == [
        *(None, None, None, None, "de")
    ]
    assert AlmanacIdentifier(["da", "de"]).identify(["torsdag", "Montag Montag torsdag"]) == [
        *("da", "de")
    ]
    assert identifier.identify(["エジプトとドイツ", "Japan qwertz Samstag"]) == [None, "de"]


def test_the_corpus_follows_its_seed_and_keeps_the_tests_out():
    first = list(islice(almanac_corpus(5), 300))
    assert first == list(islice(almanac_corpus(5), 300))
    assert all(split_of(example.family) == "train" for example in first)
    asked = [example for example in first if example.prompt.endswith("]")]
    assert 100 < len(asked) < 200  # half name a language to answer in, or to translate into


def test_prompts_hold_the_answer_as_gold():
    config = LabPromptConfig(task="almanac", split="test")
    prompts = list(lab_prompts(config, ("en", "yo", "am"), seed=3, num_families=5))
    assert [prompt.language for prompt in prompts] == ["en", "yo", "am"] * 5
    assert all(prompt.gold for prompt in prompts)
    assert len({prompt.family for prompt in prompts}) == 5
