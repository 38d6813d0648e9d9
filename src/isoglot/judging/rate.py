"""Grading one model's answers: each alone, 1 to 10, shard by shard, then results.

The folder holds what was graded (`prompts/`, `completions/`), what the judge said (`ratings/`),
`graded.parquet`, `judge.json` and `results.json`, the latter as `isoglot evaluate` writes it. It is
resumed and extended as the folder of a comparison is.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from isoglot.core.errors import InputError
from isoglot.core.records import Graded, Rated
from isoglot.core.store import write_json, write_shard
from isoglot.evals.aggregate import RESAMPLES, aggregate, aggregate_groups
from isoglot.execute.progress import Bar, Bars
from isoglot.judging.answers import AnswerColumns, Answers, Item, read_answers
from isoglot.judging.folder import JudgedFolder, Kind, count_by_language
from isoglot.judging.ratings import RATING, grades_of, rate_answers, rating_metrics, reply_of
from isoglot.line.task import json_row
from isoglot.models.judge import RatingConfig, SamplerRater
from isoglot.models.load import ModelConfig, answer_settings, load_sampler


class RaterSource(NamedTuple):
    """A judge of single answers that is not loaded yet."""

    settings: Mapping[str, Any]
    """What decides its grades; a folder of another judge's grades is refused."""
    load: Callable[[], SamplerRater]


def model_rater(model: ModelConfig, config: RatingConfig | None = None) -> RaterSource:
    """Any sampler as judge; by default it is shown the gold of a prompt as a reference answer."""
    asked = config or RatingConfig(show_gold=True)
    settings = {**answer_settings(model), "rating": asked.model_dump(mode="json")}
    return RaterSource(settings, lambda: SamplerRater(load_sampler(model), asked))


def rate(
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
) -> dict[str, Any]:
    """Grade the answers at `path`, and return what `out/results.json` holds.

    `path`, `task`, `languages` and `columns` are as for `read_answers`. `again_unreadable` asks
    again for grades that could not be read. What was graded stays in `out` whatever happens, but
    for the shard of `families_per_shard` families under way.

    Raises:
        InputError: an `out` of another model, other answers or another judge, nothing to grade, or
            a judge none of whose first 50 replies could be read.
    """
    answers = read_answers(path, task=task, languages=languages, columns=columns)
    folder = JudgedFolder(out, _head(answers, rater), _RATINGS)
    folder.check()
    folder.add(answers.parts, families_per_shard)
    with Bars(silent=silent) as bars:
        bar = bars.bar("rate", folder.num_shown())
        folder.ask_all(rater.load, _ask, again_unreadable, bar)
    return _summarise(folder, out, answers, seed, resamples)


_RATINGS = Kind(
    ("completions",), Item, "ratings", Rated, reply_of, 1,
    "grades from 1 to 10 (`Rating: 4` at the end)",
)  # fmt: skip


def _head(answers: Answers, rater: RaterSource) -> dict[str, Any]:
    settings = json.loads(json.dumps(rater.settings))
    owner = {"model": answers.sampler, "task": answers.task}
    return {**owner, "settings": settings, "sources": {"model": str(answers.where)}}


class _Drawing(TypedDict):
    seed: int
    resamples: int


def _ask(items: Sequence[Item], rater: SamplerRater, bar: Bar) -> list[Rated]:
    prompts, answers = zip(*items, strict=True)
    return rate_answers(prompts, answers, rater, bar)


def _summarise(
    folder: JudgedFolder[Item, Rated], out: Path, answers: Answers, seed: int, resamples: int
) -> dict[str, Any]:
    """Write `graded.parquet` and `results.json` of all grades in the folder."""
    from isoglot.core.version import __version__

    rated = [replace(row, text="") for row in folder.said()]
    unanswered = list(folder.unanswered())
    if not rated:
        raise InputError(
            f"nothing to grade: each of {len(unanswered)} answers failed (finish reason `error`); "
            "complete the answers"
        )
    graded = grades_of(rated, unanswered)
    metrics, judge = rating_metrics(graded), rated[0].judge
    signature = (
        f"{RATING}|judge:{judge}|how:{folder.how}|of:10|resamples:{resamples}|seed:{seed}"
        f"|v:{__version__}"
    )
    task, drawn = answers.task, _Drawing(seed=seed, resamples=resamples)
    results = aggregate(graded, metrics, task=task, trained=(), signature=signature, **drawn)
    groups = aggregate_groups(graded, metrics, **drawn)
    # A ratio of grades says nothing: their scale has no zero.
    groups = [group for group in groups if group.group != "democratisation"]
    write_shard(out / "graded.parquet", graded, Graded)
    missing = {
        "invalid": Counter(row.language for row in rated if row.value is None),
        "unanswered": count_by_language(unanswered),
    }
    summary = {
        "model": rated[0].sampler,
        "judge": judge,
        "seed": seed,
        "cost_usd": folder.cost_usd,
        "results": [_row(json_row(row), missing) for row in results],
        "groups": [{"task": task, **json_row(group)} for group in groups],
    }
    write_json(out / "results.json", summary)
    return summary


def _row(row: dict[str, Any], missing: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """Why grades are unknown stands on the rows of all turns only."""
    if row["metric"] == RATING:
        row |= {name: counts[row["language"]] for name, counts in missing.items()}
    return row
