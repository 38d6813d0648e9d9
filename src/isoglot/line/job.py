"""A stage of the line as a job: which recipe, which round, which folders, which models.

A job is picklable, so that it can run in a child process where there is an accelerator, which then
gets its memory back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import Answering
from isoglot.evals.graders import GRADERS
from isoglot.execute.local import map_shards
from isoglot.execute.ray import map_shards_on_ray
from isoglot.line.prompts import MapShards, identifier_of
from isoglot.models.load import (
    load_likelihood,
    load_sampler,
    load_scorers,
    load_translator,
)
from isoglot.models.translation.prompted import PromptTranslator, PromptTranslatorConfig
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import EvaluationTask, RayConfig
from isoglot.train.common import Policy


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one round."""

    recipe: Recipe
    round: int
    policy: str
    """Folder or hub id of M_t, the model of this round."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Folders of the stages that it reads, by their names."""
    task: EvaluationTask | None = None
    silent: bool = False

    def title(self, stage: str) -> str:
        return f"round {self.round} · {stage}"

    def sampler(self) -> Any:
        """The policy of the round, ready to answer."""
        return load_sampler(self.recipe.policy.model_copy(update={"path": self.policy}))

    def model(self, answering: Answering) -> Any:
        """The policy of the round, ready to write or to weigh choices."""
        config = self.recipe.policy.model_copy(update={"path": self.policy})
        return load_likelihood(config) if answering == "likelihood" else load_sampler(config)

    def start(self) -> Policy:
        """Where the training of the round begins: a policy of our own has no revision."""
        is_given = self.policy == self.recipe.policy.path
        revision = self.recipe.policy.revision if is_given else "main"
        return Policy(self.policy, revision, self.recipe.policy.chat_template)

    def translator(self, place: int = 0) -> Any:
        """One of the recipe's translators, or else the policy of the round, asked to translate."""
        recipe = self.recipe
        config = recipe.translate or PromptTranslatorConfig()
        if recipe.translators:
            tags = recipe.translated_languages(place)
            return load_translator(recipe.translators[place], config, tags)
        return PromptTranslator(
            self.sampler(), config.sampling, config.template, config.prefill, config.pattern
        )

    def identifier(self) -> Any:
        """Tells the languages of the run apart."""
        return identifier_of(self.recipe)

    def scorers(self) -> tuple[Any, Any]:
        """The scorers of the recipe's `score:`, and the identifier that its gates ask."""
        assert self.recipe.score is not None
        identifier = self.identifier()
        graders = {str(name): grader for name, grader in GRADERS.items()}
        return load_scorers(self.recipe.score.scorers, identifier, graders), identifier

    @property
    def executor(self) -> MapShards:
        """Runs the stages whose models take the time, as the recipe's `execute:` says."""
        config = self.recipe.execute
        if isinstance(config, RayConfig):
            return partial(
                map_shards_on_ray, num_workers=config.num_workers, address=config.address
            )
        return map_shards


Make = Callable[[Job, Path], Mapping[str, Any]]
"""Makes a stage's folder and says what to count."""
