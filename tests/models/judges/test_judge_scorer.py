"""A judge and the length as scorers: in a recipe's `score`, and None where there is no reward."""

import json

import pytest
from pydantic import ValidationError

from isoglot.core.protocols import Sampled
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import JudgeScorerConfig, LengthConfig
from isoglot.data.score import ScoreConfig, score
from isoglot.models.judges.rating import JudgeScorer, RatingConfig
from isoglot.models.scorers.load import load_scorers, scorer_config, scorer_settings

PROMPT = Prompt.from_text("How many?", language="en", gold="7")


class Grader:
    """A model that grades by what stands in the answer, and counts what it is asked."""

    name = "grader@1"

    def __init__(self):
        self.asked = []

    def sample(self, prompts, sampling, tick=None):  # noqa: ARG002
        self.asked += [prompt.text for prompt in prompts]
        said = [
            "Rating: 9" if "seven" in text else "good" if "hm" in text else "2/10"
            for text in (prompt.text for prompt in prompts)
        ]
        return [[Sampled(text, "stop")] for text in said]


def rows(*texts, reason=FinishReason.STOP):
    return [
        Completion(PROMPT.family, PROMPT.prompt_id, "en", "m@1", i, text, reason)
        for i, text in enumerate(texts)
    ]


def test_the_grade_is_the_reward_and_nobody_is_asked_about_nothing():
    grader = Grader()
    scorer = JudgeScorer(grader, RatingConfig())
    found = [*rows("seven", "eight", "hm", " "), *rows("seven", reason=FinishReason.ERROR)]
    assert scorer.score([PROMPT] * 5, found) == [9.0, 2.0, None, None, None]
    assert len(grader.asked) == 3
    assert scorer.score([], []) == []


def test_the_gold_is_shown_only_when_asked_for():
    for show, num in ((True, 1), (False, 0)):
        grader = Grader()
        JudgeScorer(grader, RatingConfig(show_gold=show)).score([PROMPT], rows("eight"))
        assert sum("reference answer" in text for text in grader.asked) == num


def test_a_recipe_holds_a_judge_and_the_length(tmp_path):
    path = tmp_path / "grades.jsonl"
    path.write_text(json.dumps({"prompt_id": "x", "completion": "Rating: 4"}))
    settings = {"kind": "judge", "model": str(path), "weight": 2}
    config = ScoreConfig(scorers=[settings, "length"])
    judge, length = config.scorers
    assert (judge.model, judge.weight, length) == (str(path), 2.0, LengthConfig())
    scorers = [JudgeScorer(Grader(), RatingConfig()), *load_scorers([length], None)]
    (first, second) = score([PROMPT], rows("seven", "hm"), scorers, config)
    assert first.rewards == {"judge": 9.0, "length": 5.0, "total": 23.0}
    assert second.rewards == {"judge": None, "length": 2.0, "total": None}
    assert load_scorers([judge], None)[0].name.startswith("grades@")
    with pytest.raises(ValidationError, match="did you mean 'model'"):
        ScoreConfig(scorers=[{"kind": "judge", "modle": "x"}])


def test_failed_answers_have_no_length():
    (length,) = load_scorers(["length"], None)
    assert length.score([PROMPT], rows("seven", reason=FinishReason.ERROR)) == [None]
    assert length.score([PROMPT], rows("")) == [0.0]


def test_words_and_settings(tmp_path):
    path = tmp_path / "grades.jsonl"
    path.write_text(json.dumps({"prompt_id": "x", "completion": "Rating: 4"}))
    config = scorer_config(f"judge:{path}")
    assert config == JudgeScorerConfig(model=str(path))
    before = scorer_settings(config)
    path.write_text(json.dumps({"prompt_id": "x", "completion": "Rating: 5"}))
    assert scorer_settings(config) != before, "another judge"
    assert str(tmp_path) not in json.dumps(scorer_settings(config))
    assert scorer_config("judge:openai:gpt-4o").model == "openai:gpt-4o"
    assert scorer_config("length") == LengthConfig()
