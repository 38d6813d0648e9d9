"""Verdicts on two samplers' answers to the same prompts, each judged in both orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Judge, Tick, no_tick
from isoglot.core.records import Completion, FinishReason, Outcome, Prompt, Verdict
from isoglot.core.text import length_chars

_MIRRORED = {
    Outcome.WIN: Outcome.LOSS,
    Outcome.LOSS: Outcome.WIN,
    Outcome.TIE: Outcome.TIE,
    Outcome.INVALID: Outcome.INVALID,
}


class JudgeReply(NamedTuple):
    """One reply of a judge."""

    text: str
    is_readable: bool


@dataclass(slots=True)
class ReplyCounter:
    """Counts a judge's readable replies, and keeps the unreadable ones for the error message."""

    form: str
    """The form that a reply should have, such as "verdicts (`Verdict: A` at the end)"."""
    num_readable: int = 0
    unreadable: list[str] = field(default_factory=list)
    """Ends of the unreadable replies, up to the first readable one."""

    def add(self, replies: Iterable[JudgeReply]) -> None:
        """Count more replies."""
        for reply in replies:
            if reply.is_readable:
                self.num_readable += 1
            elif not self.num_readable:
                self.unreadable.append(reply.text[-200:])

    def check(self, judge: str, at_least: int = 1) -> None:
        """Raise InputError where `at_least` so many replies came and none is readable."""
        if self.num_readable or len(self.unreadable) < at_least:
            return
        text = max(self.unreadable, key=len)
        raise InputError(
            f"expected {self.form} from {judge}, came {len(self.unreadable)} replies and none that "
            f"can be read, such as …{text[-80:]!r}; take another judge, more `max_new_tokens` or "
            "another template"
        )


def judge_pairs(
    prompts: Sequence[Prompt],
    a: Sequence[Completion],
    b: Sequence[Completion],
    judge: Judge,
    tick: Tick = no_tick,
) -> list[Verdict]:
    """Judge the answers `a[i]` and `b[i]` to each prompt in both orders.

    The judge gets all pairs in one call, and ticks twice for each. An answer that was cut off is
    judged as it is; a pair with a failed answer (see `is_answered`) must not be given.
    """
    for prompt, one, other in zip(prompts, a, b, strict=True):
        assert prompt.prompt_id == one.prompt_id == other.prompt_id
        assert is_answered(one, other)
    texts_a, texts_b = [row.text for row in a], [row.text for row in b]
    num = len(prompts)
    judged = judge.judge([*prompts, *prompts], [*texts_a, *texts_b], [*texts_b, *texts_a], tick)
    assert len(judged) == 2 * num
    verdicts = []
    for prompt, one, other, forward, backward in zip(
        prompts, a, b, judged[:num], judged[num:], strict=True
    ):
        scores = forward.score, _complement(backward.score)
        verdicts.append(
            Verdict(
                family=prompt.family,
                prompt_id=prompt.prompt_id,
                language=prompt.answer_language,
                a=one.sampler,
                b=other.sampler,
                judge=judge.name,
                forward=_outcome(scores[0]),
                backward=_outcome(scores[1]),
                forward_score=scores[0],
                backward_score=scores[1],
                forward_text=forward.text,
                backward_text=backward.text,
                a_completion_id=one.completion_id,
                b_completion_id=other.completion_id,
                a_chars=length_chars(one.text),
                b_chars=length_chars(other.text),
            )
        )
    return verdicts


def is_answered(*completions: Completion) -> bool:
    """True if no completion failed (finish reason `error`), which says nothing about a model."""
    return FinishReason.ERROR not in [row.finish_reason for row in completions]


def verdict_replies(verdict: Verdict) -> tuple[JudgeReply, JudgeReply]:
    """The judge's replies in both orders."""
    return (
        JudgeReply(verdict.forward_text, verdict.forward != Outcome.INVALID),
        JudgeReply(verdict.backward_text, verdict.backward != Outcome.INVALID),
    )


def swap_sides(verdict: Verdict) -> Verdict:
    """Return the same verdict with A called B and B called A."""
    return replace(
        verdict,
        a=verdict.b,
        b=verdict.a,
        forward=_MIRRORED[Outcome(verdict.backward)],
        backward=_MIRRORED[Outcome(verdict.forward)],
        forward_score=_complement(verdict.backward_score),
        backward_score=_complement(verdict.forward_score),
        forward_text=verdict.backward_text,
        backward_text=verdict.forward_text,
        a_completion_id=verdict.b_completion_id,
        b_completion_id=verdict.a_completion_id,
        a_chars=verdict.b_chars,
        b_chars=verdict.a_chars,
    )


def _outcome(score: float | None) -> Outcome:
    if score is None:
        return Outcome.INVALID
    if score == 0.5:
        return Outcome.TIE
    return Outcome.WIN if score > 0.5 else Outcome.LOSS


def _complement(score: float | None) -> float | None:
    return None if score is None else 1 - score
