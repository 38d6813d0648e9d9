"""Ratings of one model's answers, each rated alone from 1 to 10, then results.

The folder holds what was rated (`prompts/`, `completions/`), the judge's `ratings/`,
`graded.parquet`, `judge.json` and `results.json`, which has the form of `isoglot evaluate`.
Resuming and extending it: `judging/folder.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from isoglot.core.day import day_kept
from isoglot.core.errors import InputError
from isoglot.core.records import Graded, Rated, Result
from isoglot.core.store import write_shard
from isoglot.core.version import __version__
from isoglot.evals.aggregate import RESAMPLES, aggregate, aggregate_groups
from isoglot.execute.folder import owned_folder
from isoglot.execute.progress import Bar
from isoglot.judging.answers import AnswerColumns, JudgedItem, read_answers
from isoglot.judging.folder import JUDGE_RECORD, JudgedFolder, JudgingKind
from isoglot.judging.judges import RaterSource
from isoglot.judging.ratings import graded_ratings, rate_answers, rating_metrics, rating_replies
from isoglot.models.judges.rating import SamplerRater
from isoglot.models.load import servers_in
from isoglot.report.results.judging import RatingRecord, RatingResult, Ratings
from isoglot.report.results.rows import RATING, GroupRow

_RATINGS = JudgingKind(
    sides=("completions",),
    records="ratings",
    record_type=Rated,
    replies=rating_replies,
    num_replies=1,
    form="grades from 1 to 10 (`Rating: 4` at the end)",
)


def rate_model(
    path: Path,
    rater: RaterSource,
    out: Path,
    *,
    task: str | None = None,
    languages: Sequence[str] = (),
    columns: AnswerColumns | None = None,
    again_unreadable: bool = False,
    families_per_shard: int = 16,
    seed: int = 1,
    resamples: int = RESAMPLES,
    silent: bool = False,
) -> Ratings:
    """Rate the answers at `path`; write and return the results of all ratings in `out`.

    `path`, `task`, `languages` and `columns` are those of `read_answers`. `again_unreadable` rates
    again where a rating was unreadable. An interruption loses no more than the shard of
    `families_per_shard` families in progress.

    Raises:
        InputError: an `out` of another model, other answers or another judge, nothing to rate, or
            a judge whose first 50 replies are all unreadable.
    """
    answers = read_answers(path, task=task, languages=languages, columns=columns)
    head = RatingRecord(
        model=answers.sampler,
        task=answers.task,
        settings=dict(rater.settings),
        sources={"model": str(answers.path)},
    )
    with owned_folder(out, "judging"), day_kept(out / JUDGE_RECORD) as day, servers_in(out):
        folder = JudgedFolder(out, head.model_copy(update={"day": day}), _RATINGS)
        folder.add(answers.parts, families_per_shard)
        folder.judge_missing(
            rater.load, _rate_items, "rate", retry_unreadable=again_unreadable, silent=silent
        )
        ratings = _summarise(folder, answers.task, out, seed, resamples)
        ratings.write(out / "results.json")
    return ratings


def _rate_items(items: Sequence[JudgedItem], rater: SamplerRater, bar: Bar) -> list[Rated]:
    answers = [answer for item in items for answer in item.answers]
    return rate_answers([item.prompt for item in items], answers, rater, bar)


def _summarise(
    folder: JudgedFolder[Rated], task: str, out: Path, seed: int, resamples: int
) -> Ratings:
    """Summarise all ratings in the folder, and write their grades to `graded.parquet`."""
    rated = [replace(row, text="") for row in folder.records()]
    unanswered = folder.unanswered()
    if not rated:
        raise InputError(
            f"nothing to grade: each of {len(unanswered)} answers failed (finish reason `error`); "
            "complete the answers"
        )
    graded = graded_ratings(rated, unanswered)
    write_shard(out / "graded.parquet", graded, Graded)
    metrics, judge = rating_metrics(graded), rated[0].judge
    groups = aggregate_groups(graded, metrics, seed=seed, resamples=resamples)
    signature = (
        f"{RATING}|judge:{judge}|how:{folder.settings_id}|of:10|resamples:{resamples}|seed:{seed}"
        f"|v:{__version__}"
    )
    results = aggregate(
        graded, metrics, task=task, trained=(), seed=seed, signature=signature, resamples=resamples
    )
    missing = {
        "invalid": Counter(row.language for row in rated if row.value is None),
        "unanswered": Counter(prompt.answer_language for prompt in unanswered),
    }
    return Ratings(
        model=rated[0].sampler,
        judge=judge,
        seed=seed,
        cost_usd=folder.cost_usd,
        results=[_rating_result(row, missing) for row in results],
        groups=[
            GroupRow(task=task, **asdict(group))
            for group in groups
            if group.group != "democratisation"  # the scale of grades has no zero for a ratio
        ],
    )


def _rating_result(row: Result, missing: dict[str, Counter[str]]) -> RatingResult:
    """Convert a row; only those over all turns hold the number of missing ratings."""
    counts = {name: tags[row.language] for name, tags in missing.items() if row.metric == RATING}
    return RatingResult(**asdict(row), **counts)
