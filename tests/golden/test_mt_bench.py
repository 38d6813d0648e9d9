"""GPT-4's published grades of Japanese MT-Bench: each reply is read, each mean is the plain one.

Neither folder holds a table of means. What is published is a grade for each reply: ours must be
that grade, and our means those of the published grades, by model and category.
"""

from collections import defaultdict
from statistics import fmean

import pytest
from published import is_whole, published

from isoglot.core.protocols import Sampled
from isoglot.core.records import Completion, Prompt, Rated
from isoglot.evals.aggregate import aggregate
from isoglot.judging.ratings import graded_ratings, rate_answers, rating_metrics
from isoglot.models.judges.rating import SamplerRater

SHARED = "mt_bench_x/judgment.gpt-4_single.ja.jsonl.gz"
SCORES = "ja_mtbench_scores/scores.gpt-4_single.jsonl.gz"


class Replays:
    """A judge that says again what it said, in the order of the rows."""

    name = "gpt-4"

    def __init__(self, replies):
        self.replies = replies

    def sample(self, prompts, sampling, tick):  # noqa: ARG002
        return [[Sampled(text, "stop")] for _, text in zip(prompts, self.replies, strict=True)]


def mean_grade(rated):
    graded = graded_ratings(rated)
    (row,) = aggregate(
        graded,
        rating_metrics(graded),
        task="mt_bench",
        trained=(),
        seed=1,
        signature="",
        resamples=20,
    )
    return row


@pytest.fixture(scope="module")
def judged(shared_rows):
    """Published rows, and what we make of their replies."""
    rows = shared_rows(SHARED)
    prompts = [
        Prompt(row["question_id"], str(i), "ja", ({"role": "user", "content": "…"},), "ja")
        for i, row in enumerate(rows)
    ]
    answers = [
        Completion(prompt.family, prompt.prompt_id, "ja", row["model"], 0, "…", "stop")
        for prompt, row in zip(prompts, rows, strict=True)
    ]
    rater = SamplerRater(Replays([row["judgment"] for row in rows]))
    return rows, rate_answers(prompts, answers, rater)


def test_every_reply_of_gpt_4_is_read_as_published(judged):
    rows, rated = judged
    assert len(rows) == (564 if is_whole(published(SHARED)) else 28)
    assert [row.value for row in rated] == [row["score"] for row in rows]


def test_means_of_each_model_and_category_are_those_of_the_published_grades(judged, shared_rows):
    category = {
        str(row["question_id"]): row["category"]
        for row in shared_rows("mt_bench_x/question.ja.jsonl")
    }
    cells = defaultdict(list)
    for row, mine in zip(*judged, strict=True):
        for cell in ((row["model"], "all"), (row["model"], category[str(row["question_id"])])):
            cells[cell].append((row["score"], mine))
    assert len(cells) == 7 * (9 if is_whole(published(SHARED)) else 3)
    for cell, pairs in cells.items():
        theirs, ours = fmean(score for score, _ in pairs), mean_grade([mine for _, mine in pairs])
        assert 10 * ours.value == pytest.approx(theirs, abs=1e-12), cell
        assert (ours.n, ours.unknown) == (len(pairs), 0)
        assert ours.low <= ours.value <= ours.high


def test_grade_that_was_not_parsed_is_unknown_and_in_no_mean(shared_rows):
    by_model = defaultdict(list)
    for row in shared_rows(SCORES, whole=True):
        by_model[row["model"]].append(row)
    unknown = 0
    for model, rows in by_model.items():
        known = [row["score"] for row in rows if row["score"] != -1]
        ours = mean_grade(
            [
                Rated(
                    str(row["question_id"]),
                    str(i),
                    "ja",
                    model,
                    "gpt-4",
                    row["turn"],
                    None if row["score"] == -1 else row["score"],
                    "",
                    "",
                )
                for i, row in enumerate(rows)
            ]
        )
        assert 10 * ours.value == pytest.approx(fmean(known), abs=1e-12), model
        assert (ours.n, ours.unknown) == (len(known), len(rows) - len(known))
        unknown += ours.unknown
    assert unknown == 1
