"""Job: one stage of one round, with its recipe, its input shards and its models.

A job is picklable, so that it can run in a child process where there is an accelerator, which then
gets its memory back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import Answering
from isoglot.core.records import Prompt
from isoglot.core.store import count_rows, read_shard, shard_paths
from isoglot.evals.graders import FINAL_ANSWERS, GRADERS
from isoglot.execute.local import ShardCounts, map_shards
from isoglot.execute.progress import Bar, Bars
from isoglot.execute.ray import map_shards_on_ray
from isoglot.line.sources import identifier_of
from isoglot.models.load import is_served, load_likelihood, load_sampler, load_translator
from isoglot.models.scorers.implicit_reward import prompts_in
from isoglot.models.scorers.load import load_scorers
from isoglot.models.translation.prompted import PromptTranslator, PromptTranslatorConfig
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import EvaluationTask, RayConfig
from isoglot.train.policy import Policy

_SHARDS_OF_SERVER = 4
"""Shards at a time for a model that vLLM serves: enough for it to have no idle end of a shard."""
MapShards = Callable[..., ShardCounts]
"""`execute.local.map_shards`, or a function of the same signature that runs elsewhere."""


class Shards(NamedTuple):
    """The rows that a stage reads: a folder of shards, and the record type of its rows."""

    folder: Path
    record: type

    @property
    def num_rows(self) -> int:
        return num_rows(self.folder, self.record)


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one round."""

    recipe: Recipe
    round: int
    policy: str
    """Folder or hub id of M_t, the model of this round."""
    inputs: Mapping[str, Shards] = field(default_factory=dict)
    """The shards that the stage reads, by the names in its row of the table."""
    task: EvaluationTask | None = None
    """The task of an evaluation."""
    silent: bool = False

    def shards(self, *names: str) -> list[Shards]:
        """The inputs of these names."""
        return [self.inputs[name] for name in names]

    def title(self, stage: str) -> str:
        """The title of a stage's progress bar."""
        return f"round {self.round} · {stage}"

    @contextmanager
    def bar(self, stage: str, total: int) -> Iterator[Bar]:
        """A progress bar of the stage over `total` rows or texts."""
        with Bars(silent=self.silent) as bars:
            yield bars.bar(self.title(stage), total)

    def model(self, answering: Answering = "generation") -> Any:
        """Load the policy of the round: a sampler, or a `LikelihoodModel` for `likelihood`."""
        config = self.policy_config()
        return load_likelihood(config) if answering == "likelihood" else load_sampler(config)

    def start(self) -> Policy:
        """Return the policy that the training of the round starts from."""
        first = self.recipe.policy
        revision = first.revision if self.policy == first.path else "main"  # of the run's own: none
        return Policy(self.policy, revision, first.chat_template, first.thought_marks)

    def translator_config(self, place: int = 0) -> Any:
        """The config of a translator of the recipe, or of the policy, which translates without."""
        return self.recipe.translators[place] if self.recipe.translators else self.recipe.policy

    def translator(self, place: int = 0) -> Any:
        """Load a translator of the recipe, or the policy of the round prompted to translate."""
        recipe = self.recipe
        config = recipe.translate or PromptTranslatorConfig()
        if recipe.translators:
            tags = recipe.translated_languages(place)
            return load_translator(recipe.translators[place], config, tags)
        return PromptTranslator(self.model(), config)

    def identifier(self) -> Any:
        """Load the language identifier of the run."""
        return identifier_of(self.recipe)

    def scorers(
        self, calibration: Mapping[str, Mapping[str, float]] | None = None
    ) -> tuple[Any, Any]:
        """Load the scorers of `score:`, and the identifier that its gates use; `calibration` is
        that of scorers by embeddings."""
        assert self.recipe.score is not None
        identifier = self.identifier()
        graders = {str(name): grader for name, grader in GRADERS.items()}
        scorers = load_scorers(
            self.recipe.score.scorers,
            identifier,
            graders,
            FINAL_ANSWERS,
            self.recipe.dominant_language,
            policy=self.policy_config(),
            dominant_prompts=self._dominant_prompts(),
            calibration=calibration,
        )
        return scorers, identifier

    def policy_config(self) -> Any:
        """The config of the policy of the round."""
        return self.recipe.policy.model_copy(update={"path": self.policy})

    def _dominant_prompts(self) -> dict[str, Prompt]:
        """Read the prompts in the dominant language where training has a few prompts at a time."""
        score, recipe = self.recipe.score, self.recipe
        assert score is not None
        is_in_training = recipe.is_online or (recipe.train and recipe.train.choose)
        if not is_in_training or all(s.kind != "implicit_reward" for s in score.scorers):
            return {}
        paths = shard_paths(self.inputs["prompts"].folder)
        prompts = [row for path in paths for row in read_shard(path, Prompt)]
        return prompts_in(recipe.dominant_language, prompts)

    def executor(self, *models: Any) -> MapShards:
        """The executor of a stage with these models, by the recipe's `execute:`."""
        config = self.recipe.execute
        if isinstance(config, RayConfig):
            return partial(
                map_shards_on_ray, num_workers=config.num_workers, address=config.address
            )
        return shard_executor(*models)


def shard_executor(*models: Any) -> MapShards:
    """The executor in this process of a stage with these models, given by their configs."""
    return partial(map_shards, num_at_once=_SHARDS_OF_SERVER if any(map(is_served, models)) else 1)


def num_rows(folder: Path, record: type) -> int:
    """The number of rows in all shards of a folder."""
    return sum(count_rows(path, record) for path in shard_paths(folder))
