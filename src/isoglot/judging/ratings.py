"""Ratings of single answers by a judge, and the metrics that are computed from them.

Single-answer grading of MT-Bench (Zheng et al. 2023, arXiv:2306.05685, section 3.1): 1 to 10 for
each turn. A metric's value is a tenth of the mean grade, since all values are 0 to 1, so the lowest
grade has the value 0.1; reports multiply by ten and show the grades themselves.
"""

from collections.abc import Iterable, Sequence

from isoglot.core.protocols import Tick, no_tick
from isoglot.core.records import Completion, Graded, Prompt, Rated
from isoglot.core.stats import ratio
from isoglot.evals.metric import Metric
from isoglot.judging.verdicts import JudgeReply, is_answered
from isoglot.models.judges.rating import SamplerRater
from isoglot.report.results.rows import RATING

_BEST = 10


def rate_answers(
    prompts: Sequence[Prompt],
    answers: Sequence[Completion],
    rater: SamplerRater,
    tick: Tick = no_tick,
) -> list[Rated]:
    """Rate each answer alone; one that was cut off is rated as it is."""
    for prompt, answer in zip(prompts, answers, strict=True):
        assert prompt.prompt_id == answer.prompt_id
        assert is_answered(answer)
    ratings = rater.rate(prompts, [answer.text for answer in answers], tick)
    return [
        Rated(
            family=prompt.family,
            prompt_id=prompt.prompt_id,
            language=prompt.answer_language,
            sampler=answer.sampler,
            judge=rater.name,
            turn=turn_of(prompt),
            value=rating.value,
            text=rating.text,
            completion_id=answer.completion_id,
        )
        for prompt, answer, rating in zip(prompts, answers, ratings, strict=True)
    ]


def turn_of(prompt: Prompt) -> int:
    """Count the user's turns: 2 in the second turn of MT-Bench."""
    return sum(message["role"] == "user" for message in prompt.prompt)


def rating_replies(rated: Rated) -> tuple[JudgeReply]:
    """The judge's one reply."""
    return (JudgeReply(rated.text, rated.value is not None),)


def graded_ratings(rated: Iterable[Rated], unanswered: Iterable[Prompt] = ()) -> list[Graded]:
    """Turn ratings into grades: `rating`, and `rating_turn_N` too where there are several turns.

    An unreadable rating is unknown, as is that of a prompt in `unanswered`, which has no answer.
    """
    rows = [(r.family, r.prompt_id, r.language, r.turn, r.value) for r in rated]
    rows += [(p.family, p.prompt_id, p.answer_language, turn_of(p), None) for p in unanswered]
    by_turn = len({turn for *_, turn, _ in rows}) > 1
    graded = []
    for family, prompt_id, tag, turn, grade in rows:
        value = None if grade is None else grade / _BEST
        statistics = None if value is None else (value, 1.0)
        for metric in (RATING, *[f"{RATING}_turn_{turn}"] * by_turn):
            graded.append(Graded(family, prompt_id, tag, metric, value, statistics))
    return graded


def rating_metrics(graded: Iterable[Graded]) -> list[Metric]:
    """The metrics of such grades: over all turns, then of each turn."""
    names = sorted({row.metric for row in graded}, key=lambda name: (len(name), name))
    # A judge grades the answers, so the metric never does.
    return [Metric(name, lambda prompt, text: None, ratio) for name in names]  # noqa: ARG005
