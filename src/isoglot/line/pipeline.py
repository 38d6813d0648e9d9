"""The line: stages in order, round after round. Read this file and you know the project.

    prompts ─▶ generate ─▶ translate ─▶ score ─▶ pair ─▶ filter ─▶ train ─▶ evaluate
       ▲                                                              │
       └───────────────────── next round: M1, M2, … ──────────────────┘

Demonstrations (`route:`) take the place of pairs: … score ─▶ route ─▶ train ─▶ evaluate. Online
training (`method: rloo`) answers and scores while it learns: prompts ─▶ train ─▶ evaluate.

Each stage is made once: a run that was killed goes on where it stopped, and a finished one loads no
model.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isoglot.core.environment import versions
from isoglot.core.errors import InputError
from isoglot.evals.aggregate import compare, improved_languages
from isoglot.execute.ledger import Done, Ledger
from isoglot.execute.siblings import Siblings
from isoglot.line.answers import make_completions, make_translations, member_settings
from isoglot.line.cleaning import make_clean
from isoglot.line.job import Job, Make
from isoglot.line.prompts import PromptSources, file_revisions
from isoglot.line.stages import (
    check_settings,
    make_cross_lingual,
    make_demonstrations,
    make_filtered,
    make_pairs,
    make_prompt_translations,
    make_prompts,
    make_scores,
)
from isoglot.line.summary import write_summary
from isoglot.line.task import make_evaluation, read_graded, task_metrics
from isoglot.line.training import make_online_policy, make_policy
from isoglot.models.load import answer_settings, scorer_settings
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.recipe.sections import EvaluationTask

CODE_VERSIONS = {
    "prompts": 1,
    "translate_prompts": 3,
    "cross_lingual": 1,
    "generate": 2,
    "translate": 3,
    "score": 3,
    "pair": 4,
    "filter": 1,
    "route": 1,
    "clean": 1,
    "train": 1,
    "evaluate": 3,
}
"""Raised when a stage's code changes what it writes, so that old shards are not taken for new."""

MODEL_STAGES = ("translate_prompts", "generate", "translate", "train", "evaluate")
"""These hold a language model: with an accelerator each runs in a child process."""


def run(
    recipe: Recipe,
    out: Path,
    *,
    redo: bool = False,
    silent: bool = False,
    siblings: Siblings | None = None,
) -> dict[str, Any]:
    """Take the recipe's policy from M0 to the last round that pays; returns the summary.

    What a run of `siblings` has made already is taken from it.

    Raises:
        InputError: `out` holds another recipe's run, or a stage made with other settings.
    """
    _check_owner(recipe, out)
    check_settings(recipe, out)
    record = {"recipe": resolved(recipe), "versions": versions()}
    ledger = Ledger(out, record, redo=redo, siblings=siblings)
    policy = recipe.policy.path
    stopped = None
    for round in range(recipe.num_rounds):
        line = Line(recipe, ledger, round, policy, silent)
        line.evaluate()
        if round and (stopped := line.no_gain()):
            break
        trained = Line(recipe.of_round(round), ledger, round, policy, silent).run_round()
        write_summary(recipe, ledger, stopped)
        if trained is None:
            break
        policy = trained
    else:
        Line(recipe, ledger, recipe.num_rounds, policy, silent).evaluate()
    return write_summary(recipe, ledger, stopped)


class Line:
    """One round of the line over the ledger of a run.

    What is made goes by the recipe of that round, what is measured by the whole one.
    """

    def __init__(
        self, recipe: Recipe, ledger: Ledger, round: int, policy: str, silent: bool
    ) -> None:
        self.recipe = recipe
        self.ledger = ledger
        self.round = round
        self.policy = policy
        self.silent = silent

    def run_round(self) -> str | None:
        """A policy in, a better policy out (its folder); None where the recipe does not train."""
        recipe = self.recipe
        asked = recipe.prompts.model_copy(update={"cross_lingual": None})
        prompts = self.once("prompts", make_prompts, {"prompts": asked, **self.asked(asked.source)})
        if recipe.prompts.translate_from:
            prompts = self.once(
                "translate_prompts",
                make_prompt_translations,
                {**self.translation(), "artefacts": recipe.prompts.artefacts},
                prompts=prompts,
            )
        if recipe.prompts.cross_lingual:
            across = {"cross_lingual": recipe.prompts.cross_lingual, "seed": recipe.seed}
            prompts = self.once("cross_lingual", make_cross_lingual, across, prompts=prompts)
        if recipe.train is not None and recipe.is_online:
            settings = {**self.training(), **self.reward()}
            trained = self.once("train", make_online_policy, settings, prompts=prompts)
            return str(trained.folder / "policy")
        completions = self.completions(prompts)
        if recipe.route:
            inputs = self.demonstrations(prompts, completions)
        else:
            inputs = self.preferences(prompts, completions)
        if recipe.train is None:
            return None
        settings = self.training()
        if recipe.train.choose:
            settings, inputs = {**settings, **self.reward()}, {**inputs, "prompts": prompts}
        trained = self.once("train", make_policy, settings, task=None, reads={}, **inputs)
        return str(trained.folder / "policy")

    def completions(self, prompts: Done) -> Done:
        """Prompts in, answers, translations and rewards out."""
        recipe = self.recipe
        completions = self.once(
            "generate",
            make_completions,
            {
                "generate": recipe.generate,
                "samplers": [member_settings(member) for member in recipe.samplers],
            },
            prompts=prompts,
        )
        if recipe.translates_answers:
            completions = self.once(
                "translate",
                make_translations,
                {**self.translation(), "artefacts": recipe.prompts.artefacts},
                prompts=prompts,
                generate=completions,
            )
        if recipe.score:
            completions = self.once(
                "score",
                make_scores,
                self.reward(),
                prompts=prompts,
                completions=completions,
            )
        return completions

    def preferences(self, prompts: Done, completions: Done) -> dict[str, Done]:
        """Answers in, the pairs that are fit for training out."""
        recipe = self.recipe
        settings = {"pair": recipe.pair, "dominant_language": recipe.dominant_language}
        pairs = self.once("pair", make_pairs, settings, prompts=prompts, completions=completions)
        kept = self.once("filter", make_filtered, {"filter": recipe.filter}, pair=pairs)
        return {"filter": kept}

    def demonstrations(self, prompts: Done, completions: Done) -> dict[str, Done]:
        """Answers in, of each prompt the one that is to be imitated out."""
        routed = self.once(
            "route",
            make_demonstrations,
            {"route": self.recipe.route, "artefacts": self.recipe.prompts.artefacts.is_used},
            prompts=prompts,
            completions=completions,
        )
        tasks = self.recipe.evaluate.all_tasks if self.recipe.clean.max_overlap else ()
        settings = {
            "clean": self.recipe.clean,
            "evaluation": {task.name: self.questions(task) for task in tasks},
        }
        evaluated = [f"evaluate/{task.name}" for task in tasks]
        reads = {name: self.ledger.done[f"round-{self.round}/{name}"].folder for name in evaluated}
        return {"clean": self.once("clean", make_clean, settings, reads=reads, route=routed)}

    def evaluate(self) -> None:
        """Measure M_t on every task and on the validation task of the stop rule."""
        for task in self.recipe.evaluate.all_tasks:
            settings = {"task": task, **self.asked(task.prompts)}
            self.once(f"evaluate/{task.name}", make_evaluation, settings, task=task)

    def no_gain(self) -> str | None:
        """Why no further round pays: no trained language gained beyond its interval; else None."""
        task = self.recipe.evaluate.validation
        if task is None:
            return None
        new, old = (
            self.ledger.done[f"round-{round}/evaluate/{task.name}"].folder
            for round in (self.round, self.round - 1)
        )
        differences = compare(
            read_graded(new), read_graded(old), task_metrics(task)[:1], seed=self.recipe.seed
        )
        if set(improved_languages(differences)) & set(self.recipe.languages):
            return None
        return (
            f"no language gained beyond its interval from M{self.round - 1} to M{self.round} "
            f"on {task.name}"
        )

    def once(
        self,
        stage: str,
        make: Make,
        settings: Mapping[str, Any],
        *,
        task: EvaluationTask | None = None,
        reads: Mapping[str, Path] = MappingProxyType({}),
        **inputs: Done,
    ) -> Done:
        """Make a stage of this round, unless it stands.

        `reads` are folders beside the inputs of which `settings` say what the stage reads there.
        """
        kind = stage.partition("/")[0]
        depends_on = {
            **{key: _plain(value) for key, value in settings.items()},
            "inputs": {name: done.fingerprint for name, done in inputs.items()},
            "languages": self.languages(kind),
            "families_per_shard": self.recipe.families_per_shard,
            "code_version": CODE_VERSIONS[kind],
        }
        if self.recipe.identifier.kind != "langid":
            depends_on["identifier"] = self.recipe.identifier.kind
        if kind in MODEL_STAGES:
            depends_on["policy"] = self.policy_fingerprint()
        folders = {**reads, **{name: done.folder for name, done in inputs.items()}}
        job = Job(self.recipe, self.round, self.policy, folders, task, self.silent)
        return self.ledger.once(
            f"round-{self.round}/{stage}",
            depends_on,
            lambda folder: _in_its_process(kind, make, job, folder),
        )

    def asked(self, source: PromptSources) -> Mapping[str, Any]:
        """What decides the prompts beside their section: of the user's files also the content."""
        recipe = self.recipe
        return {"system": recipe.system, "seed": recipe.seed, "files": file_revisions(source)}

    def questions(self, task: EvaluationTask) -> Mapping[str, Any]:
        """What decides the prompts of a task, however they are answered and graded."""
        asked = task.model_dump(mode="json", include={"prompts", "num_families", "cross_lingual"})
        return {**asked, **self.asked(task.prompts), "languages": self.languages("evaluate")}

    def languages(self, kind: str) -> Any:
        """Which are trained decides the data; to be measured, they are asked in one order."""
        if kind == "evaluate":
            return sorted(self.recipe.all_languages)
        return {"trained": self.recipe.languages, "unseen": self.recipe.unseen_languages}

    def reward(self) -> Mapping[str, Any]:
        """What decides the rewards, beside the completions."""
        score = self.recipe.score
        scorers = [scorer_settings(scorer) for scorer in score.scorers] if score else []
        return {"score": score, "scorers": scorers}

    def translation(self) -> Mapping[str, Any]:
        """What decides a translation, beside the policy."""
        settings = [_without_default(answer_settings(t)) for t in self.recipe.translators]
        who = {"translator": settings if len(settings) > 1 else settings[0]} if settings else {}
        dominant = self.recipe.dominant_language
        return {"translate": self.recipe.translate, "dominant_language": dominant, **who}

    def training(self) -> dict[str, Any]:
        """What decides a trained policy, beside its data, its rewards and where it starts."""
        recipe = self.recipe
        launch = {"launch": recipe.launch.settings} if recipe.launch else {}
        return {"train": recipe.train, "seed": recipe.seed, **launch}

    def policy_fingerprint(self) -> Any:
        """Of M0 its revision; of a trained policy what it was trained from."""
        if self.round == 0:
            return answer_settings(self.recipe.policy)
        return self.ledger.done[f"round-{self.round - 1}/train"].fingerprint


def _in_its_process(kind: str, make: Make, job: Job, folder: Path) -> Mapping[str, Any]:
    # On Ray the models are in the processes of its workers already; only training is here.
    here = kind == "train" or job.recipe.execute.kind == "local"
    if kind in MODEL_STAGES and here:
        from isoglot.execute.child import accelerator_present, run_in_child

        if accelerator_present():
            return run_in_child(make, job, folder)
    return make(job, folder)


def _without_default(translator: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a translation: which languages are served, where not all of them are."""
    return {key: v for key, v in translator.items() if key != "languages" or v is not None}


def _plain(value: Any) -> Any:
    """Sections as JSON has them, so that the ledger can compare them key by key."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _check_owner(recipe: Recipe, out: Path) -> None:
    """Raise InputError where the folder belongs to another recipe, or to no run."""
    path = out / "run.json"
    if path.exists():
        try:
            owner = json.loads(path.read_text(encoding="utf-8"))["recipe"]["name"]
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"cannot read {path}: delete it, or choose another --out") from None
        if owner != recipe.name:
            raise InputError(
                f"{out} holds a run of recipe {owner!r}, not {recipe.name!r}: choose another --out"
            )
    elif out.exists() and any(out.iterdir()):
        raise InputError(f"{out} holds other files than a run: choose an empty or new --out")
