"""Contests of a trained policy with M0: which wins each example of a task, by which judge."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Scorer
from isoglot.core.records import Completion, Graded, Outcome, Prompt, content_id, prompt_key
from isoglot.core.scorers import FAMILY_KINDS, GoldConfig, ScorerConfig
from isoglot.core.store import read_done, read_shard, shard_paths
from isoglot.evals.graders import GRADERS
from isoglot.evals.grading import OFF_TARGET_RATE
from isoglot.execute.local import map_shards
from isoglot.line.task import read_graded, task_metrics
from isoglot.models.load import load_identifier
from isoglot.models.scorers.load import load_scorers, scorer_settings
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.summary import RunSummary
from isoglot.study.grid import OracleConfig, StudyJudgeConfig
from isoglot.study.running import GridRun


class ExampleKey(NamedTuple):
    """Identifies an example of a task in one language."""

    language: str
    family: str
    prompt_id: str


class AnswerWorth(NamedTuple):
    """A judge's grade or reward of a policy's answer to one example."""

    worth: float | None
    """None where the judge cannot tell."""
    text: str = ""
    """The answer, where the judge read it: equal texts are a tie."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The last policy of a run against its M0."""

    outcomes: Mapping[str, Mapping[ExampleKey, Outcome]]
    """Judge → example → the outcome for the new policy."""
    off_target: Mapping[str, tuple[float | None, float | None]]
    """Language → off-target rate of the new policy and of M0."""


class Judges:
    """The judges of a study, each loaded once, and only where there is something new to judge."""

    def __init__(
        self, configs: Sequence[StudyJudgeConfig], root: Path, languages: Sequence[str]
    ) -> None:
        self._configs = configs
        self._root = root
        self._languages = languages
        self._scorers: dict[str, Scorer] = {}

    def contest(self, run: GridRun, task: EvaluationTask) -> Contest:
        """Judge the last policy of a run against its M0.

        Raises:
            InputError: the run has no trained policy that was measured on the task.
        """
        folders = evaluation_folders(run, task)
        graded = [read_graded(folder) for folder in folders]
        outcomes = {}
        for config in self._configs:
            if isinstance(config, OracleConfig):
                new, old = (oracle_worths(rows, task) for rows in graded)
            else:
                new, old = (self._rewards(config, folder) for folder in folders)
            outcomes[config.name] = outcomes_of(new, old)
        rates = [_off_target_rates(rows) for rows in graded]
        tags = sorted({row.language for row in graded[0]})
        return Contest(outcomes, {tag: (rates[0].get(tag), rates[1].get(tag)) for tag in tags})

    def _rewards(self, config: ScorerConfig, folder: Path) -> dict[ExampleKey, AnswerWorth]:
        """Score the answers in a folder once; the shards lie under all that decides rewards."""
        done = read_done(folder)
        assert done is not None
        made_from = content_id(str(scorer_settings(config)), done["fingerprint"])
        out = self._root / "rewards" / made_from
        shards = [out.with_suffix(".parquet")]  # the form of earlier versions
        if not shards[0].exists():
            inputs = [(folder / "prompts", Prompt), (folder / "completions", Completion)]
            score = partial(_rewarded, name=config.name)
            map_shards(score, inputs, out, Completion, load=lambda: self._scorer(config))
            shards = shard_paths(out)
        answers: dict[ExampleKey, list[Completion]] = defaultdict(list)
        for row in (row for path in shards for row in read_shard(path, Completion)):
            answers[ExampleKey(row.language, row.family, row.prompt_id)].append(row)
        return {
            key: AnswerWorth(
                _mean([row.rewards[config.name] for row in rows]),
                "\n".join(row.text for row in rows),
            )
            for key, rows in answers.items()
        }

    def _scorer(self, config: ScorerConfig) -> Scorer:
        if config.name not in self._scorers:
            identifier = load_identifier(self._languages)
            self._scorers[config.name] = load_scorers([config], identifier, GRADERS)[0]  # type: ignore[arg-type]
        return self._scorers[config.name]


def check_judges(configs: Sequence[StudyJudgeConfig], task: EvaluationTask) -> None:
    """Raise InputError for a judge that would otherwise fail only when every run is done."""
    for config in configs:
        if isinstance(config, OracleConfig):
            _judged_metric(task)
            continue
        scorer_settings(config)
        if isinstance(config, GoldConfig) and config.grader not in GRADERS:
            raise InputError(
                f"judges: no grader {config.grader!r}; expected one of {', '.join(GRADERS)}"
            )
        if config.kind in FAMILY_KINDS:
            raise InputError(
                f"judges: {config.kind} compares the answers of a family, and a judge sees two; "
                "take a reward model, a judge or the oracle"
            )


def oracle_worths(graded: Sequence[Graded], task: EvaluationTask) -> dict[ExampleKey, AnswerWorth]:
    """Return the grade of each example by the task's first metric, 0 for an off-target answer.

    An answer whose language the identifier is not sure of keeps its grade. The grade of several
    samples is their mean.

    Raises:
        InputError: less of the metric is better.
    """
    grades = _by_example(graded, _judged_metric(task))
    off_target = _by_example(graded, OFF_TARGET_RATE.name)
    worths = {}
    for key, values in grades.items():
        off = off_target.get(key) or [None] * len(values)
        pairs = zip(values, off, strict=True)
        worth = [0.0 if value is not None and is_off else value for value, is_off in pairs]
        worths[key] = AnswerWorth(_mean(worth))
    return worths


def outcomes_of(
    new: Mapping[ExampleKey, AnswerWorth], old: Mapping[ExampleKey, AnswerWorth]
) -> dict[ExampleKey, Outcome]:
    """Compare both sides example by example; unknown on either side is invalid and never a tie.

    Raises:
        InputError: the sides have other examples.
    """
    if new.keys() != old.keys():
        raise InputError(
            f"expected the same prompts on both sides, came {len(new)} and {len(old)}, differing "
            f"in prompt {min(new.keys() ^ old.keys()).prompt_id}; measure both on the same"
        )
    return {key: _outcome(new[key], old[key]) for key in sorted(new)}


def evaluation_folders(run: GridRun, task: EvaluationTask) -> tuple[Path, Path]:
    """Return the folders in which the last policy and M0 were measured."""
    last = RunSummary.read_from(run.folder).rounds[-1].round
    new, old = (run.folder / f"round-{round}/evaluate/{task.name}" for round in (last, 0))
    if last == 0 or read_done(new) is None:
        raise InputError(f"expected a trained policy measured on {task.name}, came none")
    return new, old


def _rewarded(
    prompts: Sequence[Prompt], completions: Sequence[Completion], scorer: Scorer, *, name: str
) -> list[Completion]:
    """Return the completions of a shard with their reward, by the language of the prompt."""
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    answered = [prompt_of[prompt_key(row)] for row in completions]
    rewards = scorer.score(answered, completions)
    return [
        replace(row, language=prompt.language, rewards={name: reward})
        for prompt, row, reward in zip(answered, completions, rewards, strict=True)
    ]


def _judged_metric(task: EvaluationTask) -> str:
    metric = task_metrics(task)[0]
    if metric.lower_is_better:
        raise InputError(
            f"expected a task whose {metric.name} is better where it is higher, came {task.name}; "
            "take another task, or a scorer as judge"
        )
    return metric.name


def _outcome(new: AnswerWorth, old: AnswerWorth) -> Outcome:
    if new.worth is None or old.worth is None:
        return Outcome.INVALID
    # A model in batches gives one text two rewards that differ in the last digits.
    if new.worth == old.worth or (new.text and new.text == old.text):
        return Outcome.TIE
    return Outcome.WIN if new.worth > old.worth else Outcome.LOSS


def _by_example(graded: Sequence[Graded], metric: str) -> dict[ExampleKey, list[float | None]]:
    values: dict[ExampleKey, list[float | None]] = defaultdict(list)
    for row in graded:
        if row.metric == metric:
            values[ExampleKey(row.language, row.family, row.prompt_id)].append(row.value)
    return values


def _off_target_rates(graded: Sequence[Graded]) -> dict[str, float | None]:
    """Language → mean over the answers whose language is known."""
    values: dict[str, list[float | None]] = defaultdict(list)
    for key, rates in _by_example(graded, OFF_TARGET_RATE.name).items():
        values[key.language] += [rate for rate in rates if rate is not None]
    return {tag: _mean(known) for tag, known in values.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where any value is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
