"""The line: every stage of the table in order, round after round.

    prompts ─▶ translate ─▶ generate ─▶ translate ─▶ score ─▶ pair ─▶ filter ─▶ train ─▶ evaluate
       ▲                                                                           │
       └────────────────────────── next round: M1, M2, … ──────────────────────────┘

A recipe with `route:` makes demonstrations instead of pairs: … score ─▶ route ─▶ clean ─▶ train.
Online training (`method: rloo` or `grpo`) completes and scores by itself:
prompts ─▶ train ─▶ evaluate.

Each stage is made once: a killed run resumes where it stopped, and a finished one loads no model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.day import day_kept
from isoglot.core.documents import read_json
from isoglot.core.environment import versions
from isoglot.core.errors import Failure, InputError, MemoryFullError, is_memory_full
from isoglot.core.files import file_sha256, write_json
from isoglot.evals.aggregate import compare, improved_languages
from isoglot.execute.folder import owned_folder
from isoglot.execute.ledger import Done, Ledger
from isoglot.execute.siblings import Siblings
from isoglot.line.checks import check_prompts, check_settings, is_made
from isoglot.line.job import Job, Shards
from isoglot.line.memory import when_memory_is_full
from isoglot.line.sources import HUB_PINS, pin_hub_sets
from isoglot.line.stages import EVALUATE, STAGES, Stage, evaluation_folder
from isoglot.line.summary import write_summary
from isoglot.line.task import read_graded, task_metrics
from isoglot.models.load import answer_settings, servers_in, spending_in
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.summary import RunSummary


def run_recipe(
    recipe: Recipe,
    out: Path,
    *,
    redo: bool = False,
    silent: bool = False,
    siblings: Siblings | None = None,
) -> RunSummary:
    """Train the recipe's policy from M0 to the last round that pays, and return the summary.

    A stage that one of `siblings` has made already is taken from it.

    Raises:
        InputError: `out` holds another recipe's run, or a stage made with other settings.
    """
    path, mend = out / HUB_PINS, "delete it and run again"
    with owned_folder(out, "run"), spending_in(out), day_kept(out / "run.json") as day:
        _check_owner(recipe, out)
        recipe, pins = pin_hub_sets(recipe, read_json(path, mend=mend) if path.exists() else {})
        check_settings(recipe, out)
        if pins:
            write_json(path, pins)
        record = {"recipe": resolved(recipe), "versions": versions(), "day": day}
        ledger = Ledger(out, record, redo=redo, siblings=siblings)
        policy = recipe.policy.path
        stopped = None
        for number in range(recipe.num_rounds):
            measured = Round(recipe, ledger, number, policy, silent)
            measured.evaluate()
            if number and (stopped := measured.no_gain()):
                break
            trained = Round(recipe.of_round(number), ledger, number, policy, silent).run_round()
            write_summary(recipe, ledger, stopped)
            if trained is None:
                break
            policy = trained
        else:
            Round(recipe, ledger, recipe.num_rounds, policy, silent).evaluate()
        return write_summary(recipe, ledger, stopped)


class Round:
    """One round: its stages follow the recipe of the round, its evaluation that of the run."""

    def __init__(
        self, recipe: Recipe, ledger: Ledger, number: int, policy: str, silent: bool
    ) -> None:
        self.recipe, self.ledger, self.number = recipe, ledger, number
        self.policy, self.silent = policy, silent
        self._made: dict[str, tuple[Done, Shards]] = {}
        """By the name of the stage, and the latest by its role."""

    def run_round(self) -> str | None:
        """Make every stage that applies; returns the folder of the trained policy, if any."""
        for stage in STAGES:
            if stage.applies(self.recipe):
                done = self.make(stage)
            if stage.name == "prompts" and not is_made(self.recipe, self._folder):
                job = Job(self.recipe, self.number, self.policy)
                check_prompts(job, self._made["prompts"][1])
        return str(done.folder / "policy") if self.recipe.train else None

    @property
    def _folder(self) -> Path:
        return self.ledger.run / f"round-{self.number}"

    def evaluate(self) -> None:
        """Measure M_t on every task, and on the validation task of the stop rule."""
        for task in self.recipe.evaluate.all_tasks:
            self.make(EVALUATE, task)

    def make(self, stage: Stage, task: EvaluationTask | None = None) -> Done:
        """Make a stage of this round, unless it is done."""
        recipe = self.recipe
        inputs = {name: self._made[name] for name in stage.inputs(recipe)}
        parts = {
            name: Shards(self._done(name).folder, EVALUATE.writes)
            for name in stage.also_reads(recipe)
        }
        folders = parts | {name: shards for name, (_, shards) in inputs.items()}
        job = Job(recipe, self.number, self.policy, folders, task, self.silent)
        depends_on = {
            **{key: _plain(value) for key, value in stage.depends_on(job).items()},
            "inputs": {name: done.fingerprint for name, (done, _) in inputs.items()},
            # The trained languages decide the data; evaluation has one order for all of them.
            "languages": sorted(recipe.all_languages)
            if stage is EVALUATE
            else {"trained": recipe.languages, "unseen": recipe.unseen_languages},
            "families_per_shard": recipe.families_per_shard,
            "code_version": stage.version,
        }
        if recipe.identifier.kind == "fasttext":
            depends_on["identifier"] = file_sha256(recipe.identifier.path)
        elif recipe.identifier.kind != "langid":
            depends_on["identifier"] = recipe.identifier.kind
        if stage.holds_model:
            depends_on["policy"] = (
                self._done("train", back=1).fingerprint
                if self.number
                else answer_settings(recipe.policy)
            )
        name = evaluation_folder(task) if task else stage.name
        run = partial(_run_with_model, stage, self.ledger.run)
        make = run if stage.holds_model else stage.run
        folder = f"round-{self.number}/{name}"
        try:
            reads = [shards.folder for shards in folders.values()]
            make_it = partial(make, job)
            done = self.ledger.once(folder, depends_on, make_it, stage.failures, reads)
        except (RuntimeError, MemoryError) as error:
            if not is_memory_full(error):
                raise
            mend = when_memory_is_full(stage.name, recipe, self.ledger.run / folder)
            raise MemoryFullError(f"{folder}: {Failure.of(error).message}: {mend}") from error
        made = done, Shards(done.folder, stage.writes)
        self._made[stage.name] = self._made[stage.role or stage.name] = made
        return done

    def no_gain(self) -> str | None:
        """The reason why no further round pays: no trained language gained beyond its interval.

        None if one gained, or without a validation task.
        """
        task = self.recipe.evaluate.validation
        if task is None:
            return None
        new, old = (self._done(evaluation_folder(task), back).folder for back in (0, 1))
        differences = compare(
            read_graded(new), read_graded(old), task_metrics(task)[:1], seed=self.recipe.seed
        )
        if set(improved_languages(differences)) & set(self.recipe.languages):
            return None
        return (
            f"no language gained beyond its interval from M{self.number - 1} to M{self.number} "
            f"on {task.name}"
        )

    def _done(self, name: str, back: int = 0) -> Done:
        """A stage of this round, or of one `back` rounds before."""
        return self.ledger.done[f"round-{self.number - back}/{name}"]


def _run_with_model(stage: Stage, run: Path, job: Job, out: Path) -> Mapping[str, Any]:
    """Run a stage whose model would fill an accelerator of this process in a child process.

    On Ray the models are in the processes of its workers; only training is here.
    """
    from isoglot.execute.child import accelerator_present, run_in_child

    is_here = stage.name == "train" or job.recipe.execute.kind == "local"
    if is_here and accelerator_present():
        return run_in_child(_run_stage, stage.run, run, job, out)
    return _run_stage(stage.run, run, job, out)


def _run_stage(
    function: Callable[[Job, Path], Mapping[str, Any]], run: Path, job: Job, out: Path
) -> Mapping[str, Any]:
    """Run a stage in this process; the servers that it starts end with it."""
    with servers_in(run):
        return function(job, out)


def _plain(value: Any) -> Any:
    """Sections as JSON has them, so that the ledger can compare them key by key."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _check_owner(recipe: Recipe, out: Path) -> None:
    """Raise InputError if the run directory belongs to another recipe."""
    path = out / "run.json"
    if not path.exists():
        return
    mend = "delete it and run again, or choose another --out"
    content = read_json(path, mend=mend).get("recipe")
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a recipe, came {content!r:.60}: {mend}")
    if (owner := content.get("name")) != recipe.name:
        raise InputError(
            f"{out} holds a run of recipe {owner!r}, not {recipe.name!r}: choose another --out"
        )
