"""Two samplers' answers to the same prompts become verdicts, each asked for in both orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Judge, Judgement, Tick, no_tick
from isoglot.core.records import Completion, FinishReason, Outcome, Prompt, Verdict
from isoglot.core.text import length_chars


def judge_pairs(
    prompts: Sequence[Prompt],
    a: Sequence[Completion],
    b: Sequence[Completion],
    judge: Judge,
    tick: Tick = no_tick,
) -> list[Verdict]:
    """A verdict for each prompt on its answers `a[i]` and `b[i]`, asked for in both orders.

    The judge sees all pairs at once, and ticks twice for each. An answer that was cut off is judged
    as it stands; a pair with a failed one has no verdict, see `is_answered`.
    """
    for prompt, one, other in zip(prompts, a, b, strict=True):
        assert prompt.prompt_id == one.prompt_id == other.prompt_id
        assert is_answered(one, other)
    texts_a, texts_b = [row.text for row in a], [row.text for row in b]
    num = len(prompts)
    judged = judge.judge([*prompts, *prompts], [*texts_a, *texts_b], [*texts_b, *texts_a], tick)
    assert len(judged) == 2 * num
    return [
        _verdict(*row, judge.name)
        for row in zip(prompts, a, b, judged[:num], judged[num:], strict=True)
    ]


def is_answered(*completions: Completion) -> bool:
    """Whether all are answers; a failed one (finish reason `error`) says nothing of its model."""
    return FinishReason.ERROR not in [row.finish_reason for row in completions]


class Reply(NamedTuple):
    """What a judge wrote once."""

    text: str
    is_readable: bool


def replies_of(verdict: Verdict) -> tuple[Reply, Reply]:
    """Those in both orders."""
    return (
        Reply(verdict.forward_text, verdict.forward != Outcome.INVALID),
        Reply(verdict.backward_text, verdict.backward != Outcome.INVALID),
    )


@dataclass(slots=True)
class Replies:
    """How many replies of a judge were read, and what those said that could not be."""

    form: str
    """What they should hold, such as "verdicts (`Verdict: A` at the end)"."""
    num_readable: int = 0
    unreadable: list[str] = field(default_factory=list)
    """Their ends, up to the first that could be read."""

    def add(self, replies: Iterable[Reply]) -> None:
        """Count these too."""
        for reply in replies:
            if reply.is_readable:
                self.num_readable += 1
            elif not self.num_readable:
                self.unreadable.append(reply.text[-200:])

    def check(self, judge: str, at_least: int = 0) -> None:
        """Raise InputError where so many replies came and none could be read."""
        if self.num_readable or len(self.unreadable) < max(at_least, 1):
            return
        text = max(self.unreadable, key=len)
        raise InputError(
            f"expected {self.form} from {judge}, came {len(self.unreadable)} replies and none that "
            f"can be read, such as …{text[-80:]!r}; take another judge, more `max_new_tokens` or "
            "another template"
        )


def swap_sides(verdict: Verdict) -> Verdict:
    """The same verdict with A called B and B called A."""
    return Verdict(
        family=verdict.family,
        prompt_id=verdict.prompt_id,
        language=verdict.language,
        a=verdict.b,
        b=verdict.a,
        judge=verdict.judge,
        forward=_FROM_THE_OTHER_SIDE[Outcome(verdict.backward)],
        backward=_FROM_THE_OTHER_SIDE[Outcome(verdict.forward)],
        forward_score=_complement(verdict.backward_score),
        backward_score=_complement(verdict.forward_score),
        forward_text=verdict.backward_text,
        backward_text=verdict.forward_text,
        a_completion_id=verdict.b_completion_id,
        b_completion_id=verdict.a_completion_id,
        a_chars=verdict.b_chars,
        b_chars=verdict.a_chars,
    )


_FROM_THE_OTHER_SIDE = {
    Outcome.WIN: Outcome.LOSS,
    Outcome.LOSS: Outcome.WIN,
    Outcome.TIE: Outcome.TIE,
    Outcome.INVALID: Outcome.INVALID,
}


def _verdict(
    prompt: Prompt,
    a: Completion,
    b: Completion,
    forward: Judgement,
    backward: Judgement,
    judge: str,
) -> Verdict:
    forward_score, backward_score = forward.score, _complement(backward.score)
    return Verdict(
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=prompt.answer_language,
        a=a.sampler,
        b=b.sampler,
        judge=judge,
        forward=_outcome(forward_score),
        backward=_outcome(backward_score),
        forward_score=forward_score,
        backward_score=backward_score,
        forward_text=forward.text,
        backward_text=backward.text,
        a_completion_id=a.completion_id,
        b_completion_id=b.completion_id,
        a_chars=length_chars(a.text),
        b_chars=length_chars(b.text),
    )


def _outcome(score: float | None) -> Outcome:
    """What a score from A's side says."""
    if score is None:
        return Outcome.INVALID
    if score == 0.5:
        return Outcome.TIE
    return Outcome.WIN if score > 0.5 else Outcome.LOSS


def _complement(score: float | None) -> float | None:
    return None if score is None else 1 - score
