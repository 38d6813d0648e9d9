"""The work of the scorers: what each reads and writes for the rewards of completions."""

from collections.abc import Iterator
from typing import NamedTuple

from isoglot.core.scorers import (
    ConsistencyConfig,
    ImplicitRewardConfig,
    JudgeScorerConfig,
    RewardModelConfig,
    ScorerConfig,
    SiblingsConfig,
    SimilarityConfig,
    TranslationLikelihoodConfig,
)
from isoglot.models.judges.rating import RatingConfig
from isoglot.models.load import model_config
from isoglot.models.scorers.load import sibling_judge_config, weights_of
from isoglot.planning.engines import Engine, engine_of, sized_engine
from isoglot.planning.prompts import TokenCounter
from isoglot.planning.throughput import Throughput
from isoglot.report.results.plan import Amount


class Scored(NamedTuple):
    """Completions to reward."""

    num: int
    tokens: Amount
    """Tokens of all of them, each after its prompt."""
    num_comparisons: int
    """Ordered pairs of two completions of one prompt."""
    is_exact: bool


class ScorerWork(NamedTuple):
    """The work of one model of a scorer."""

    unit: str
    num: int
    is_exact: bool
    engine: Engine
    tokens_in: Amount
    tokens_out: Amount = Amount()


def scorer_works(
    config: ScorerConfig, scored: Scored, policy: str, counter: TokenCounter, table: Throughput
) -> Iterator[ScorerWork]:
    """Yield the works of a scorer, one for each of its models; `policy` is the path of M_0."""
    num, whole = scored.num, scored.tokens
    match config:
        case RewardModelConfig():
            engine = sized_engine(config.path, "read", table)
            yield ScorerWork("scores", num, scored.is_exact, engine, whole)
        case JudgeScorerConfig():
            rating = RatingConfig()
            words = counter.tokens(rating.template, "en") * num
            most = rating.sampling.max_new_tokens
            written = Amount(most * table.assumed.typical_share, most).times(num)
            engine = engine_of(model_config(config.model), table)
            yield ScorerWork(
                "scores", num, scored.is_exact, engine, whole.plus(Amount(words, words)), written
            )
        case SiblingsConfig():
            judge, calls = sibling_judge_config(config), scored.num_comparisons
            num_texts = 2 if config.reference == "none" else 3
            words = counter.tokens(judge.template, "en") * calls
            read = whole.times(num_texts * calls / max(1, num)).plus(Amount(words, words))
            # A label; one that gives no likelihood writes its reasons.
            written = Amount(1, judge.sampling.max_new_tokens).times(calls)
            engine = engine_of(model_config(config.model), table)
            yield ScorerWork("verdicts", calls, False, engine, read, written)
        case ImplicitRewardConfig():
            for model in (config.policy or policy, config.reference):
                engine = engine_of(weights_of(config, model), table).doing("read")
                yield ScorerWork("scores", num, scored.is_exact, engine, whole)
        case SimilarityConfig() | ConsistencyConfig():
            engine = sized_engine(config.path or policy, "read", table)
            yield ScorerWork("scores", num, scored.is_exact, engine, whole)
        case TranslationLikelihoodConfig():
            engine = sized_engine(config.path, "read", table)
            yield ScorerWork("scores", num, scored.is_exact, engine, whole.times(2))
        case _:
            yield ScorerWork("scores", num, scored.is_exact, Engine(config.name, None), Amount())
