"""The judges that a user names in one word, loaded only where there is something to judge."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Judge
from isoglot.evals.graders import GRADERS
from isoglot.judging.answers import task_grader
from isoglot.models.judges.comparison import JudgeConfig, Reading, ScorerJudge
from isoglot.models.judges.rating import RatingConfig, SamplerRater
from isoglot.models.load import (
    ModelConfig,
    answer_settings,
    load_identifier,
    load_judge,
    load_sampler,
    with_cost_cap,
)
from isoglot.models.scorers.load import load_scorers, scorer_settings
from isoglot.models.scorers.rules import GoldScorer
from isoglot.recipe.models import model_of, scorer_of


class JudgeSource(NamedTuple):
    """A judge of two answers that is not loaded yet."""

    settings: Mapping[str, Any]
    """The settings that decide its verdicts; a folder of another judge's verdicts is refused."""
    load: Callable[[Sequence[str]], Judge]
    """Loads the judge for these languages."""


class RaterSource(NamedTuple):
    """A judge of single answers that is not loaded yet."""

    settings: Mapping[str, Any]
    """The settings that decide its ratings; a folder of another judge's ratings is refused."""
    load: Callable[[], SamplerRater]


def judge_of(
    name: str,
    *,
    answers: Path,
    task: str | None = None,
    reading: Reading = "auto",
    max_cost_usd: float | None = None,
) -> JudgeSource:
    """Return the judge that a user names: see `named_judge`, else a model, see `model_of`.

    `oracle` alone has the grader of the task whose `answers` are compared.

    Raises:
        InputError: a cap on the cost of a judge that costs nothing or has no prices, a `reading` of
            one that compares numbers, or an oracle without a grader.
    """
    if name == "oracle":
        grader = task_grader(answers, task)
        if grader is None:
            raise InputError(
                f"expected oracle:NAME with one of {', '.join(GRADERS)}, came 'oracle' for answers "
                "of a benchmark or a file, which have no grader of their own; name one"
            )
        name = f"oracle:{grader}"
    if known := named_judge(name):
        if max_cost_usd is not None:
            raise InputError(f"expected a judge on a server with --max-cost, got {name!r}")
        if reading != "auto":
            raise InputError(
                f"expected a model as judge with --reading {reading}, got {name!r}, which reads no "
                "labels; leave --reading out"
            )
        return known
    return model_judge(_capped_model(name, max_cost_usd), JudgeConfig(reading=reading))


def rater_of(
    name: str,
    *,
    reading: Reading = "auto",
    second: Path | None = None,
    max_cost_usd: float | None = None,
) -> RaterSource:
    """Return the model that rates single answers, from the options of a comparison.

    Raises:
        InputError: an option that needs two answers (verdicts by likelihood or of a second judge, a
            scorer, an oracle); and as `judge_of`.
    """
    only_compares = {
        "--reading likelihood": reading == "likelihood",
        "--second": second is not None,
        f"--judge {name}": named_judge(name) is not None,
    }
    for option, is_given in only_compares.items():
        if is_given:
            raise InputError(
                f"{option} compares two answers, and one was given: name the baseline's answers "
                "too, or take a model that writes a grade"
            )
    return model_rater(_capped_model(name, max_cost_usd))


def model_judge(model: ModelConfig, config: JudgeConfig | None = None) -> JudgeSource:
    """Return any sampler as judge of two answers."""
    config = config or JudgeConfig()
    settings = {**answer_settings(model), "judge": config.model_dump(mode="json")}
    return JudgeSource(settings, lambda languages: load_judge(model, config))  # noqa: ARG005


def model_rater(model: ModelConfig, config: RatingConfig | None = None) -> RaterSource:
    """Return any sampler as rater; by default it sees a prompt's gold as a reference answer."""
    config = config or RatingConfig(show_gold=True)
    settings = {**answer_settings(model), "rating": config.model_dump(mode="json")}
    return RaterSource(settings, lambda: SamplerRater(load_sampler(model), config))


def named_judge(name: str) -> JudgeSource | None:
    """Return the judge for `oracle:GRADER` or `scorer:NAME`; None for any other name.

    An oracle compares grades against the gold; a scorer (`language_match`, or the folder or hub id
    of a reward model) compares rewards.

    Raises:
        InputError: an unknown grader or scorer.
    """
    kind, _, which = name.partition(":")
    if kind == "oracle":
        if which not in GRADERS:
            raise InputError(
                f"expected oracle:NAME with one of {', '.join(GRADERS)} as judge, got {name!r}"
            )
        grader = GRADERS[which]  # type: ignore[index]
        oracle = ScorerJudge(GoldScorer(grader, name))
        return JudgeSource({"name": name}, lambda languages: oracle)  # noqa: ARG005
    if kind != "scorer":
        return None
    if not which:
        raise InputError(
            "expected scorer:NAME with language_match, or the folder or hub id of a reward model, "
            f"as judge, got {name!r}"
        )
    scorer = scorer_of(which)
    return JudgeSource(
        {"name": name, **scorer_settings(scorer)},
        lambda languages: ScorerJudge(load_scorers([scorer], load_identifier(languages))[0]),
    )


def _capped_model(name: str, max_cost_usd: float | None) -> ModelConfig:
    model = model_of(name)
    return model if max_cost_usd is None else with_cost_cap(model, max_cost_usd)
