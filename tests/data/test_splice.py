"""Language-confusion negatives: one foreign sentence, by content and seed, and nothing else."""

from dataclasses import replace

import pytest
from fakes import FakeIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.records import Completion, Prompt
from isoglot.core.sentences import sentences
from isoglot.data.pair import PairConfig, pair_completions
from isoglot.data.splice import spliced_preferences

TEXTS = {
    "en": "Three and four make seven. The answer is seven.",
    "es": "Tres y cuatro hacen siete. La respuesta es siete.",
    "sw": "Tatu na nne hufanya saba. Jibu ni hilo saba.",
}
PROMPTS = [Prompt.from_text(f"{tag}?", language=tag, family="f") for tag in TEXTS]
ROWS = [
    Completion.from_text(prompt, TEXTS[prompt.language], sampler="m", reward=1.0)
    for prompt in PROMPTS
]
BAD = [Completion.from_text(prompt, "x", sampler="m", sample=1, reward=0.0) for prompt in PROMPTS]
WORDS = {"Three": "en", "The": "en", "Tres": "es", "La": "es", "Tatu": "sw", "Jibu": "sw"}
BY_WORD = FakeIdentifier(lambda text: WORDS.get(text.split()[0]))


def pieces(text, tag):
    return [piece.strip() for piece in sentences(text, tag)]


BEST = PairConfig(method="best_vs_worst")
PAIRS = pair_completions(PROMPTS, [*ROWS, *BAD], BEST, dominant="en", round=0)


def splice(pairs, rows, share=1.0, seed=0):
    return spliced_preferences(pairs, rows, BY_WORD, share=share, seed=seed)


@settings(max_examples=20)
@given(st.integers(0, 99), st.randoms())
def test_one_sentence_is_another_language_s_and_the_rest_stays(seed, random):
    found = splice(PAIRS, ROWS, seed=seed)
    assert [row.language for row in found] == ["en", "es", "sw"]
    for pair, spliced in zip(PAIRS, found, strict=True):
        before = pieces(pair.chosen_text, pair.language)
        after = pieces(spliced.rejected_text, pair.language)
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) == 1
        (tag,) = BY_WORD.identify(changed)
        assert tag != pair.language
        assert changed[0] in pieces(TEXTS[tag], tag)
        assert (spliced.chosen, spliced.prompt) == (pair.chosen, pair.prompt)
        assert (spliced.score_chosen, spliced.score_rejected) == (1.0, None)
        assert spliced.pair_type == "spliced"
    shuffled = random.sample(ROWS, len(ROWS))
    assert splice(PAIRS, shuffled, seed=seed) == found


def test_an_answer_of_one_sentence_is_kept_and_followed():
    chosen = ({"role": "assistant", "content": "Seven it is indeed."},)
    (spliced,) = splice([replace(PAIRS[0], chosen=chosen)], [ROWS[1]])
    assert spliced.rejected_text.startswith("Seven it is indeed. ")
    foreign = spliced.rejected_text.removeprefix("Seven it is indeed. ")
    assert foreign in pieces(TEXTS["es"], "es")


@pytest.mark.parametrize(
    "others",
    [
        [],
        [replace(ROWS[1], finish_reason="length")],
        [replace(ROWS[1], text="The river is here.")],  # asked for Spanish, answered in English
        [replace(ROWS[1], text="Quizás hoy llueva.")],  # the identifier is not sure
        [replace(ROWS[1], family="g")],
    ],
)
def test_without_a_certain_foreign_sentence_there_is_none(others):
    assert splice(PAIRS[:1], [ROWS[0], *others]) == []


def test_the_share_is_that_of_the_drawn():
    many = [replace(PAIRS[0], family=str(i), prompt_id=str(i)) for i in range(400)]
    siblings = [replace(ROWS[1], family=str(i)) for i in range(400)]
    assert 70 < len(splice(many, siblings, share=0.25, seed=3)) < 130
    assert splice(many, siblings, share=0.0) == []


def test_each_chosen_answer_once_and_none_about_translation():
    """By imbalance the English answer is chosen once for each other language."""
    twice = [*PAIRS, replace(PAIRS[0], rejected=PAIRS[1].rejected)]
    about = replace(PAIRS[1], pair_type="translation_prompt", family="f", prompt_id="other")
    assert splice([*twice, about], ROWS) == splice(PAIRS, ROWS)
