"""The language asked for is the reward."""

from dataclasses import replace

from isoglot.core.records import Completion, Prompt
from isoglot.models.scorers.rules import LanguageMatch


class Fixed:
    name = "fixed"

    def __init__(self, *tags):
        self.tags = list(tags)

    def identify(self, texts):
        return self.tags[: len(texts)]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


def test_one_for_the_asked_zero_for_another_none_when_unsure():
    prompt = Prompt.from_text("Reply in German.", language="en", answer_language="de")
    row = Completion(prompt.family, prompt.prompt_id, "de", "m", 0, "text", "length")
    scorer = LanguageMatch(Fixed("de", "en", None))
    assert scorer.score([prompt] * 3, [row] * 3) == [1.0, 0.0, None]


def test_none_of_it_for_a_mixed_answer():
    prompt = Prompt.from_text("Wie?", language="de")
    row = Completion.from_text(prompt, "So, sure ~", sampler="m")
    scorer = LanguageMatch(Fixed("de", "en", None))
    assert scorer.score([prompt] * 3, [row] * 3) == [0.0, 0.0, 0.0]


def test_the_thought_counts_too_where_it_is_demanded():
    prompt = Prompt.from_text("Wie?", language="de")
    thoughts = ("de", "en", "?", None)
    rows = [
        replace(Completion.from_text(prompt, text, sampler="m"), thought=thought)
        for text in ("de", "en", "?")
        for thought in thoughts
    ]

    class Named(Fixed):
        def identify(self, texts):
            return [None if text == "?" else text for text in texts]

    scorer = LanguageMatch(Named(), thought=True)
    assert scorer.score([prompt] * 12, rows) == [
        1.0, 0.0, None, 1.0, 0.0, 0.0, 0.0, 0.0, None, 0.0, None, None,
    ]  # fmt: skip
    answers = LanguageMatch(Named()).score([prompt] * 12, rows)
    assert answers == [1.0] * 4 + [0.0] * 4 + [None] * 4
