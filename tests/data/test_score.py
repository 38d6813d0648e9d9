"""Rewards and their weighted sum."""

import pytest

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


PROMPTS = [Prompt.from_text(text, language="en") for text in ("a", "b")]
ROWS = [
    Completion(p.family, p.prompt_id, "en", "m", i, "text", "stop", rewards={"before": 1.0})
    for i, p in enumerate([PROMPTS[1], PROMPTS[0], PROMPTS[1]])
]


def test_rewards_stand_by_name_beside_their_weighted_sum():
    rows = score(
        PROMPTS,
        ROWS,
        [Fixed("a", 1.0, None, 0.5), Fixed("b", 0.25, 1.0, float("nan"))],
        ScoreConfig(scorers=(), weights={"b": 2.0}),
    )
    assert rows[0].rewards == {"before": 1.0, "a": 1.0, "b": 0.25, "total": 1.5}
    assert rows[1].rewards["total"] is None, "unknown is not zero"
    assert rows[2].rewards["b"] is None, "not a number is unknown"
    assert rows[2].rewards["total"] is None
    assert [row.completion_id for row in rows] == [row.completion_id for row in ROWS]


def test_a_weight_without_its_scorer_is_refused():
    with pytest.raises(ValueError, match="weight for 'fluency': expected one of the scorers a;"):
        score(
            PROMPTS, ROWS, [Fixed("a", 1, 1, 1)], ScoreConfig(scorers=(), weights={"fluency": 1.0})
        )


def test_without_scorers_there_is_no_total():
    assert score(PROMPTS, ROWS, [], ScoreConfig(scorers=()))[0].rewards["total"] is None
