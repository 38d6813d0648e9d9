"""The judge that a user names in one word."""

from pathlib import Path

from isoglot.core.errors import InputError
from isoglot.judging.compare import JudgeSource, model_judge, named_judge
from isoglot.judging.rate import RaterSource, model_rater
from isoglot.line.evaluate import model_of
from isoglot.models.judge import JudgeConfig, Reading
from isoglot.models.load import ModelConfig, with_cost_cap


def judge_of(
    name: str, *, reading: Reading = "auto", max_cost_usd: float | None = None
) -> JudgeSource:
    """The judge that a user names: as `named_judge`, else a model as `model_of` reads it.

    Raises InputError for a cap on the cost of what costs nothing or has no prices.
    """
    if known := named_judge(name):
        if max_cost_usd is not None:
            raise InputError(f"expected a judge on a server with --max-cost, got {name!r}")
        return known
    return model_judge(_model(name, max_cost_usd), JudgeConfig(reading=reading))


def rater_of(
    name: str,
    *,
    reading: Reading = "auto",
    second: Path | None = None,
    max_cost_usd: float | None = None,
) -> RaterSource:
    """The model that grades answers alone, by the options of a comparison.

    Raises InputError for what needs two answers: verdicts by likelihood or of a second judge, a
    scorer, an oracle; and as `judge_of`.
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
                "too, or leave it to a model that writes a grade"
            )
    return model_rater(_model(name, max_cost_usd))


def _model(name: str, max_cost_usd: float | None) -> ModelConfig:
    model = model_of(name)
    return model if max_cost_usd is None else with_cost_cap(model, max_cost_usd)
