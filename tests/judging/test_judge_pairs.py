"""Verdicts: both orders always, seen from A's side; what cannot be read is no tie."""

import pytest
from fakes import FakeScorer
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.protocols import Judgement, no_tick
from isoglot.core.records import Completion, Outcome, Prompt, Verdict
from isoglot.judging.verdicts import is_answered, judge_pairs, swap_sides
from isoglot.models.judges.comparison import ScorerJudge

scores = st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def answered(prompt: Prompt, sampler: str, text: str, reason: str = "stop") -> Completion:
    return Completion(
        prompt.family, prompt.prompt_id, prompt.answer_language, sampler, 0, text, reason
    )


def judged(*pairs: tuple[str, str], judge) -> list[Verdict]:
    prompts = [Prompt.from_text(f"? {i}", language="sw") for i in range(len(pairs))]
    a = [answered(p, "a@1", texts[0]) for p, texts in zip(prompts, pairs, strict=True)]
    b = [answered(p, "b@1", texts[1]) for p, texts in zip(prompts, pairs, strict=True)]
    return judge_pairs(prompts, a, b, judge)


class Says:
    """A judge by a function of the first and the second answer; keeps what it saw."""

    name = "judge@1"

    def __init__(self, score) -> None:
        self.score = score
        self.seen: list[tuple[str, str]] = []
        self.calls = 0

    def judge(self, prompts, first, second, tick=no_tick):
        self.calls += 1
        self.seen += list(zip(first, second, strict=True))
        for prompt in prompts:
            tick(1, prompt.language)
        return [
            Judgement(self.score(one, other), f"{one}|{other}")
            for one, other in zip(first, second, strict=True)
        ]


def test_both_orders_are_asked_in_one_call_and_texts_kept():
    judge = Says(lambda first, _: float(first == "good"))
    (verdict, _) = judged(("good", "bad"), ("x", "y"), judge=judge)
    assert sorted(judge.seen) == [("bad", "good"), ("good", "bad"), ("x", "y"), ("y", "x")]
    assert judge.calls == 1
    assert (verdict.forward, verdict.backward, verdict.outcome) == ("win", "win", Outcome.WIN)
    assert (verdict.forward_text, verdict.backward_text) == ("good|bad", "bad|good")
    assert (verdict.a, verdict.b, verdict.judge) == ("a@1", "b@1", "judge@1")
    assert (verdict.language, verdict.a_chars, verdict.b_chars) == ("sw", 4, 3)
    assert (verdict.forward_score, verdict.backward_score, verdict.score) == (1.0, 1.0, 1.0)


def test_the_language_is_the_one_asked_for_and_ids_are_those_of_the_answers():
    prompt = Prompt.from_text("Capital?", language="en", answer_language="sw", family="f")
    a, b = answered(prompt, "a@1", "Nairobi"), answered(prompt, "b@1", "Cafe\u0301")
    (verdict,) = judge_pairs([prompt], [a], [b], Says(lambda *_: 0.5))
    assert (verdict.family, verdict.language) == ("f", "sw")
    assert (verdict.a_completion_id, verdict.b_completion_id) == (a.completion_id, b.completion_id)
    assert verdict.b_chars == 4  # a decomposed letter is one


OUTCOMES = ["win", "loss", "tie", "invalid"]


@pytest.mark.parametrize("forward", OUTCOMES)
@pytest.mark.parametrize("backward", OUTCOMES)
def test_a_win_is_a_win_in_both_orders_and_invalid_is_no_tie(forward, backward):
    score_of = {"win": 1.0, "loss": 0.0, "tie": 0.5, "invalid": None}
    shown_first = score_of[forward]
    shown_second = score_of[backward]

    def score(first, second):  # noqa: ARG001
        if first == "A":
            return shown_first
        return None if shown_second is None else 1 - shown_second

    (verdict,) = judged(("A", "B"), judge=Says(score))
    assert (verdict.forward, verdict.backward) == (forward, backward)
    if "invalid" in (forward, backward):
        expected = "invalid"
    else:
        expected = forward if forward == backward else "tie"
    assert verdict.outcome == expected
    assert (verdict.score is None) == (expected == "invalid")


def test_a_judge_that_always_prefers_the_first_says_nothing_of_the_answers():
    (verdict,) = judged(("A", "B"), judge=Says(lambda *_: 0.9))
    assert (verdict.forward, verdict.backward, verdict.outcome) == ("win", "loss", Outcome.TIE)
    assert verdict.score == pytest.approx(0.5)


@given(
    st.dictionaries(st.sampled_from("xyz"), scores),
    st.lists(st.tuples(*[st.sampled_from("xyz")] * 2)),
)
def test_naming_a_b_and_b_a_mirrors_each_verdict(liking, pairs):
    def score(first, second):
        return liking.get(first + second, liking.get(first))

    ours = judged(*pairs, judge=Says(score))
    theirs = judged(*((b, a) for a, b in pairs), judge=Says(score))
    for one, other in zip(ours, theirs, strict=True):
        mirrored = swap_sides(other)
        assert (one.forward, one.backward) == (mirrored.forward, mirrored.backward)
        assert (one.forward_score, one.forward_text) == (
            mirrored.forward_score,
            mirrored.forward_text,
        )
        assert swap_sides(mirrored) == other


def test_a_judge_ticks_twice_for_a_pair():
    ticks = []
    prompt = Prompt.from_text("?", language="sw")
    judge_pairs(
        [prompt],
        [answered(prompt, "a", "x")],
        [answered(prompt, "b", "y")],
        ScorerJudge(FakeScorer({"x": 1.0, "y": 0.0})),
        lambda num, tag: ticks.append((num, tag)),
    )
    assert ticks == [(1, "sw"), (1, "sw")]


def test_only_a_failed_answer_is_none():
    prompt = Prompt.from_text("?", language="sw")
    whole, cut, failed = (
        answered(prompt, "a", text, reason)
        for text, reason in (("x", "stop"), ("x", "length"), ("", "error"))
    )
    assert is_answered(whole, cut)
    assert is_answered(whole, answered(prompt, "a", ""))
    assert not is_answered(whole, failed)
    assert not is_answered(failed, whole)
