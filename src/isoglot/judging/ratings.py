"""The grades that a judge gives to answers alone, and the metrics that they make.

Single-answer grading of MT-Bench (Zheng et al. 2023, arXiv:2306.05685, section 3.1): 1 to 10 for
each turn. A metric's value is a tenth of the mean grade, since values are 0 to 1 everywhere; a page
shows it times ten, so it shows the grades themselves. The lowest one, 1, has the value 0.1.
"""

from collections.abc import Iterable, Sequence

from isoglot.core.protocols import Tick, no_tick
from isoglot.core.records import Completion, Graded, Prompt, Rated
from isoglot.core.stats import ratio
from isoglot.evals.metric import Metric
from isoglot.judging.verdicts import Reply, is_answered
from isoglot.models.judge import SamplerRater

RATING = "rating"

_BEST = 10


def rate_answers(
    prompts: Sequence[Prompt],
    answers: Sequence[Completion],
    rater: SamplerRater,
    tick: Tick = no_tick,
) -> list[Rated]:
    """What the judge makes of each answer; one that was cut off is graded as it stands."""
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
    """How many turns the user has taken: 2 in the second one of MT-Bench."""
    return sum(message["role"] == "user" for message in prompt.prompt)


def reply_of(rated: Rated) -> tuple[Reply]:
    """What the judge wrote of an answer."""
    return (Reply(rated.text, rated.value is not None),)


def grades_of(rated: Iterable[Rated], unanswered: Iterable[Prompt] = ()) -> list[Graded]:
    """A row of `rating` for each answer, and one of `rating_turn_N` where there are several turns.

    A grade that could not be read is unknown, as is a prompt of `unanswered`, which has no answer.
    """
    rows = [(r.family, r.prompt_id, r.language, r.turn, r.value) for r in rated]
    rows += [(p.family, p.prompt_id, p.answer_language, turn_of(p), None) for p in unanswered]
    by_turn = len({turn for *_, turn, _ in rows}) > 1
    grades = []
    for family, prompt_id, tag, turn, grade in rows:
        value = None if grade is None else grade / _BEST
        sums = None if value is None else (value, 1.0)
        for metric in (RATING, *[f"{RATING}_turn_{turn}"] * by_turn):
            grades.append(Graded(family, prompt_id, tag, metric, value, sums))
    return grades


def rating_metrics(graded: Iterable[Graded]) -> list[Metric]:
    """The metrics of such rows: over all turns, then for each turn."""
    names = sorted({row.metric for row in graded}, key=lambda name: (len(name), name))
    return [Metric(name, _no_grade, ratio) for name in names]


def _no_grade(prompt: Prompt, text: str) -> None:
    """A judge grades, not a metric."""
