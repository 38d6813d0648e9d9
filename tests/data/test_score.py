"""Rewards, their weighted sum, and the gates before it."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import Completion, Prompt
from isoglot.data.score import ScoreConfig, score


class Fixed:
    def __init__(self, name, *values):
        self.name = name
        self.values = list(values)

    def score(self, prompts, completions):
        assert all(p.prompt_id == c.prompt_id for p, c in zip(prompts, completions, strict=True)), (
            "each completion comes with its own prompt"
        )
        return self.values


class ByText:
    """A reward of each text, and the language that it is in, so that rows can be put anywhere."""

    name = "by text"

    def __init__(self, of):
        self._of = of

    def score(self, _prompts, completions):
        return [self._of[completion.text] for completion in completions]

    def identify(self, texts):
        return [self._of[text] for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


PROMPTS = [Prompt.from_text(text, language="en") for text in ("a", "b")]
ROWS = [
    Completion(p.family, p.prompt_id, "en", "m", i, "text", "stop", rewards={"before": 1.0})
    for i, p in enumerate([PROMPTS[1], PROMPTS[0], PROMPTS[1]])
]


def config_of(*weights, **columns):
    """Scorers `a`, `b` … with these weights."""
    return ScoreConfig(
        scorers=[
            {"kind": "gold", "grader": "any", "name": name, "weight": weight}
            for name, weight in zip("abcdef", weights, strict=False)
        ],
        **columns,
    )


def test_rewards_stand_by_name_beside_their_weighted_sum():
    rows = score(
        PROMPTS,
        ROWS,
        [Fixed("model@1", 1.0, None, 0.5), Fixed("model@2", 0.25, 1.0, float("nan"))],
        config_of(1.0, 2.0),
    )
    assert rows[0].rewards == {"before": 1.0, "a": 1.0, "b": 0.25, "total": 1.5}
    assert rows[1].rewards["total"] is None, "unknown is not zero"
    assert rows[2].rewards["b"] is None, "not a number is unknown"
    assert rows[2].rewards["total"] is None
    assert [row.completion_id for row in rows] == [row.completion_id for row in ROWS]


def test_what_is_not_finite_is_unknown():
    rows = score(PROMPTS, ROWS, [Fixed("a", math.inf, -math.inf, 1.0)], config_of(1.0))
    assert [row.rewards["total"] for row in rows] == [None, None, 1.0]


def test_a_scorer_that_is_not_in_the_config_is_refused():
    with pytest.raises(ValueError, match="zip"):
        score(PROMPTS, ROWS, [Fixed("a", 1, 1, 1), Fixed("b", 1, 1, 1)], config_of(1.0))


TAGS = {"English": "en", "Deutsch": "de", "123": None, "English ~": "en"}


def gated(*gates, **settings):
    """Which answers keep their total: in English, in German, unsure, English and cut, mixed."""
    texts = ("English", "Deutsch", "123", "English", "English ~")
    reasons = ("stop", "stop", "stop", "length", "stop")
    prompt = PROMPTS[0]
    rows = [
        Completion(prompt.family, prompt.prompt_id, "en", "m", i, text, reason)
        for i, (text, reason) in enumerate(zip(texts, reasons, strict=True))
    ]
    scored = score(
        [prompt],
        rows,
        [Fixed("a", 1, 2, 3, 4, 5)],
        config_of(1.0, gates=gates, **settings),
        ByText(TAGS),
    )
    assert [row.rewards["a"] for row in scored] == [1, 2, 3, 4, 5], "a gate hides no reward"
    return [row.rewards["total"] for row in scored]


def test_gates_take_the_total_away():
    assert gated() == [1, 2, 3, 4, 5]
    assert gated("wrong_language") == [1, None, 3, 4, 5], "unsure is not wrong"
    assert gated("mixed_language") == [1, 2, 3, 4, None]
    assert gated("unknown_language") == [1, 2, None, 4, 5]
    assert gated("cut_off") == [1, 2, 3, None, 5]
    assert gated("wrong_language", "cut_off") == [1, None, 3, None, 5]


def test_a_gate_shuts_out_thoughts_in_another_language():
    """In English, in German, unsure, none; the answers are all in English."""
    thoughts = ("English", "Deutsch", "123", None)
    rows = [replace(ROWS[0], text="English", sample=i, thought=t) for i, t in enumerate(thoughts)]

    def totals(*gates):
        config = config_of(1.0, gates=gates, gate_reward=0)
        scored = score(PROMPTS, rows, [Fixed("a", 1, 2, 3, 4)], config, ByText(TAGS))
        return [row.rewards["total"] for row in scored]

    assert totals("wrong_thought_language") == [1, 0, 3, 4]
    assert totals("wrong_language", "mixed_language") == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="expected a language identifier for the gates wrong_th"):
        score(PROMPTS, rows[:1], [Fixed("a", 1)], config_of(1.0, gates=["wrong_thought_language"]))


def test_a_gate_may_have_a_reward_of_its_own():
    assert gated("wrong_language", "cut_off", gate_reward=0) == [1, 0, 3, 0, 5]
    assert gated("mixed_language", gate_reward=-1) == [1, 2, 3, 4, -1]
    unknown = score(
        PROMPTS,
        [replace(ROWS[0], finish_reason="length")],
        [Fixed("a", None)],
        config_of(1.0, gates=["cut_off"], gate_reward=0),
    )
    assert unknown[0].rewards["total"] == 0, "a gate needs no reward behind it"
    with pytest.raises(ValueError, match="gate_reward 0 is the total behind `gates`, got no gates"):
        config_of(1.0, gate_reward=0)


def test_a_translation_with_an_artefact_keeps_its_reward_and_may_lose_its_total():
    prompt = PROMPTS[0]
    ids = (prompt.family, prompt.prompt_id, "en", "m", 0, "x", "stop")
    rows = [Completion(*ids), Completion(*ids, artefact="lost_number")]
    for gates, totals in (((), [1, 2]), (("artefact",), [1, None])):
        scored = score([prompt], rows, [Fixed("a", 1, 2)], config_of(1.0, gates=gates))
        assert [row.rewards["a"] for row in scored] == [1, 2]
        assert [row.rewards["total"] for row in scored] == totals


def test_gates_of_language_need_an_identifier():
    config = config_of(1.0, gates=["wrong_language"])
    with pytest.raises(ValueError, match="expected a language identifier for the gates wrong_lang"):
        score(PROMPTS, ROWS, [Fixed("a", 1, 1, 1)], config)
    score(PROMPTS, ROWS, [Fixed("a", 1, 1, 1)], config_of(1.0, gates=["cut_off"]))


rewards = st.none() | st.floats(-100, 100)


@given(
    st.lists(st.tuples(rewards, rewards, st.sampled_from(["en", "de", None])), min_size=1),
    st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    st.sets(st.sampled_from(["wrong_language", "unknown_language", "cut_off"])),
    st.randoms(use_true_random=False),
)
def test_the_total_is_the_weighted_sum_whatever_the_order(
    given, weights, gates, rng: random.Random
):
    texts = [str(i) for i in range(len(given))]
    scorers = [ByText({t: row[k] for t, row in zip(texts, given, strict=True)}) for k in (0, 1)]
    identifier = ByText({t: row[2] for t, row in zip(texts, given, strict=True)})
    prompt = PROMPTS[0]
    rows = [Completion(prompt.family, prompt.prompt_id, "en", "m", 0, t, "stop") for t in texts]
    rng.shuffle(rows)
    config = config_of(*weights, gates=sorted(gates))
    for row in score([prompt], rows, scorers, config, identifier):
        one, other, tag = given[int(row.text)]
        out = (tag == "de" and "wrong_language" in gates) or (
            tag is None and "unknown_language" in gates
        )
        parts = [(w, reward) for w, reward in zip(weights, (one, other), strict=True) if w]
        if out or not parts or None in [reward for _, reward in parts]:
            assert row.rewards["total"] is None
        else:
            expected = sum(w * reward for w, reward in parts)
            assert row.rewards["total"] == pytest.approx(expected, abs=1e-9)


def test_a_name_stands_for_a_scorer_without_settings():
    (scorer,) = ScoreConfig(scorers=["language_match"]).scorers
    assert (scorer.kind, scorer.name, scorer.weight) == ("language_match", "language_match", 1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scorers": ["language_math"]}, "language_math.*expected tags"),
        ({"scorers": ["reward_model"]}, "path"),
        ({"scorers": "language_match"}, "valid tuple"),
        ({"scorers": ["language_match"] * 2}, "'language_match' names two scorers; give one of"),
        ({"scorers": [{"kind": "language_match", "name": "total"}]}, "the name of the sum"),
        ({"scorers": [{"kind": "reward_model", "pth": "x"}]}, "did you mean 'path'"),
        ({"scorers": [], "gates": ["wrong"]}, "wrong_language"),
    ],
)
def test_bad_settings(values, message):
    with pytest.raises(ValueError, match=message):
        ScoreConfig.model_validate(values)
