"""AlpacaEval: win rates and length-controlled win rates of the published leaderboards.

Every model that is present and listed counts, none is picked.
"""

from collections import defaultdict

import numpy as np
import pytest
from replayed import Pair, judged
from scipy.stats import spearmanr

from isoglot.core.languages import LANGUAGES
from isoglot.judging.length_control import (
    MAX_IMBALANCE,
    Compared,
    is_identified,
    length_controlled,
    predicted_at_equal_length,
)

FOLDER = "alpacaeval_annotations"
ALPACA_EVAL_2 = "weighted_alpaca_eval_gpt4_turbo"
BASELINE = "gpt4_1106_preview"


@pytest.fixture(scope="module")
def published(shared_rows):
    """Annotator → model → its row of the leaderboard."""

    def table(annotator: str) -> dict[str, dict]:
        rows = shared_rows(f"{FOLDER}/published_leaderboard.{annotator}.csv")
        return {row[""]: row for row in rows}

    return table


@pytest.fixture(scope="module")
def annotations(shared_rows):
    """Annotator → model → its rows."""

    def by_model(annotator: str) -> dict[str, list[dict]]:
        models = defaultdict(list)
        for row in shared_rows(f"{FOLDER}/{annotator}.jsonl.gz"):
            models[row["model"]].append(row)
        return models

    return by_model


def preference(published: float | None) -> float | None:
    """From 1 (baseline) to 2 (model), or 0 for a draw, to ours."""
    if published is None:
        return None
    return 0.5 if published == 0 else published - 1


@pytest.fixture(scope="module")
def judged_models(annotations, tmp_path_factory):
    """Annotator → model → metric → row, as `isoglot judge` has it: each is a language."""

    def by_model(annotator: str, *, with_lengths: bool) -> dict[str, dict]:
        models = annotations(annotator)
        tags = dict(zip(sorted(models), sorted(LANGUAGES), strict=False))
        pairs = {
            tag: [
                Pair(
                    str(row["index"]),
                    preference(row["preference"]),
                    row["len_2"] if with_lengths else 1,
                    row["len_1"] if with_lengths else 1,
                )
                for row in models[model]
            ]
            for model, tag in tags.items()
        }
        rows = judged(pairs, tmp_path_factory.mktemp("judged")).results
        return {
            model: {row.metric: row for row in rows if row.language == tag}
            for model, tag in tags.items()
        }

    return by_model


@pytest.mark.parametrize(
    ("annotator", "num_models"),
    [
        pytest.param(ALPACA_EVAL_2, 30, marks=pytest.mark.slow),
        pytest.param("alpaca_eval_gpt4", 33, marks=pytest.mark.slow),
        ("alpaca_eval_cot_gpt4_turbo_fn", 4),
    ],
)
def test_win_rates_are_the_published_ones(annotator, num_models, published, judged_models):
    leaderboard = published(annotator)
    is_second = annotator == ALPACA_EVAL_2
    models = judged_models(annotator, with_lengths=is_second)
    listed = models.keys() & leaderboard.keys()
    assert len(listed) >= num_models
    for model in listed:
        found = models[model]
        theirs = {
            key: float(number)
            for key, number in leaderboard[model].items()
            if key in NUMBERS and number
        }
        win = found["win_rate"]
        ours = {
            "win_rate": 100 * win.value,
            "standard_error": 100 * win.standard_error,
            "n_wins": win.wins,
            "n_wins_base": win.losses,
            "n_draws": win.ties,
            "n_total": win.n,
            "discrete_win_rate": 100 * found.get("discrete_win_rate", win).value,
        }
        assert {key: ours[key] for key in theirs} == pytest.approx(theirs, abs=1e-6), model
        if win.standard_error:  # the baseline is always even with itself
            half = (win.high - win.low) / 2
            assert half == pytest.approx(1.96 * win.standard_error, rel=0.15), model
    if is_second:  # so many that all are known
        pairs = [
            (100 * models[m]["length_controlled_win_rate"].value, leaderboard[m]) for m in listed
        ]
        errors = [abs(ours - float(row["length_controlled_winrate"])) for ours, row in pairs]
        assert np.mean(errors) <= 1.5


NUMBERS = (
    "win_rate",
    "standard_error",
    "n_wins",
    "n_wins_base",
    "n_draws",
    "n_total",
    "discrete_win_rate",  # empty for the oldest models
)


def test_length_controlled_win_rates_from_the_published_weights(published, shared_rows):
    leaderboard = published(ALPACA_EVAL_2)
    difficulty = [
        float(row["gamma_refined"])
        for row in shared_rows(f"{FOLDER}/derived_instruction_difficulty.csv")
    ]
    weights = shared_rows(f"{FOLDER}/published_lc_glm_weights.csv")
    errors = [
        100
        * predicted_at_equal_length(
            float(row["not_gamed_baseline.astype(float)"]),
            float(row["instruction_difficulty"]),
            difficulty,
        ).mean()
        - float(leaderboard[row[""]]["length_controlled_winrate"])
        for row in weights
    ]
    assert len(errors) >= 112
    assert np.abs(errors).max() <= 0.35
    assert np.mean(np.abs(errors)) <= 0.05


@pytest.fixture(scope="module")
def refitted(published, annotations):
    """(published, comparisons) of each model but the baseline itself."""
    leaderboard = published(ALPACA_EVAL_2)
    return [
        (
            float(leaderboard[model]["length_controlled_winrate"]),
            Compared(
                [row["index"] for row in rows],
                [preference(row["preference"]) for row in rows],
                [row["len_2"] - row["len_1"] for row in rows],
            ),
        )
        for model, rows in sorted(annotations(ALPACA_EVAL_2).items())
        if model != BASELINE
    ]


def test_length_controlled_win_rates_refitted_from_the_annotations(refitted):
    theirs = np.array([value for value, _ in refitted])
    ours = 100 * length_controlled([compared for _, compared in refitted])
    raw = np.array([100 * np.mean(compared.preferences) for _, compared in refitted])
    assert len(ours) >= 29
    assert spearmanr(ours, theirs).statistic >= 0.97
    assert np.abs(ours - theirs).mean() <= 1.5  # 0.83
    assert np.abs(raw - theirs).mean() > 5  # what is to be corrected


def test_one_model_alone_is_known_only_where_its_answers_are_as_long_as_the_baselines(refitted):
    """Elsewhere it would be no better than the win rate."""
    errors, others, plain = [], [], []
    for theirs, compared in refitted:
        error = abs(100 * length_controlled([compared])[0] - theirs)
        (errors if is_identified([compared])[0] else others).append(error)
        plain.append(abs(100 * np.mean(compared.preferences) - theirs))
    assert len(errors) >= 4
    assert max(errors) <= 0.5
    assert np.mean(others) > np.mean(plain) > 5
    assert is_identified([compared for _, compared in refitted]).all()
    assert pytest.approx(0.3) == MAX_IMBALANCE


def test_the_baseline_against_itself_is_a_half(annotations):
    rows = annotations(ALPACA_EVAL_2)[BASELINE]
    preferences = [preference(row["preference"]) for row in rows]
    itself = Compared(range(len(rows)), preferences, [0] * len(rows))
    assert length_controlled([itself])[0] == pytest.approx(0.5)
