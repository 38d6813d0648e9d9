"""A trained policy against M0 on the same questions: who wins each of them, by which judge."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import GoldConfig, Scorer
from isoglot.core.records import Completion, Graded, Outcome, Prompt, content_id
from isoglot.core.store import read_done, read_shard, shard_paths, write_shard
from isoglot.evals.graders import GRADERS
from isoglot.evals.grading import OFF_TARGET_RATE
from isoglot.line.task import read_graded, task_metrics
from isoglot.models.load import load_identifier, load_scorers, scorer_settings
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.summary import RunSummary
from isoglot.study.grid import JudgeConfig, OracleConfig
from isoglot.study.running import Run


class Key(NamedTuple):
    """A question."""

    language: str
    family: str
    prompt_id: str


class Answered(NamedTuple):
    """What a judge makes of a policy's answer to one question."""

    worth: float | None
    """None where it cannot tell."""
    text: str = ""
    """What was answered, where the judge read it: equal texts are a tie."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The last policy of a run against its M0."""

    outcomes: Mapping[str, Mapping[Key, Outcome]]
    """By judge, from the side of the new policy."""
    off_target: Mapping[str, tuple[float | None, float | None]]
    """Language → off-target rate of the new policy and of M0."""


class Judges:
    """The judges of a study, each loaded once and only where it has something new to read."""

    def __init__(
        self, configs: Sequence[JudgeConfig], root: Path, languages: Sequence[str]
    ) -> None:
        self._configs = configs
        self._root = root
        self._languages = languages
        self._scorers: dict[str, Scorer] = {}

    def contest(self, run: Run, task: EvaluationTask) -> Contest:
        """Raises InputError where the run has no trained policy that was measured on the task."""
        new, old = folders_of(run, task)
        graded = read_graded(new), read_graded(old)
        outcomes = {}
        for config in self._configs:
            if isinstance(config, OracleConfig):
                sides = [oracle(rows, task) for rows in graded]
            else:
                sides = [self._rewards(config, folder) for folder in (new, old)]
            outcomes[config.name] = outcomes_of(*sides)
        return Contest(outcomes, _off_target(*graded))

    def _rewards(self, config: JudgeConfig, folder: Path) -> dict[Key, Answered]:
        """What a scorer says of the answers in a folder; kept, so that M0 is scored once."""
        assert not isinstance(config, OracleConfig)
        done = read_done(folder)
        assert done is not None
        made_from = content_id(str(scorer_settings(config)), done["fingerprint"])
        kept = self._root / "rewards" / f"{made_from}.parquet"
        if not kept.exists():
            write_shard(kept, self._scored(config, folder), Completion)
        answers: dict[Key, list[Completion]] = defaultdict(list)
        for row in read_shard(kept, Completion):
            answers[Key(row.language, row.family, row.prompt_id)].append(row)
        return {
            key: Answered(
                _mean([row.rewards[config.name] for row in rows]),
                "\n".join(row.text for row in rows),
            )
            for key, rows in answers.items()
        }

    def _scored(self, config: Any, folder: Path) -> list[Completion]:
        if config.name not in self._scorers:
            graders = {str(name): grader for name, grader in GRADERS.items()}
            identifier = load_identifier(self._languages)
            self._scorers[config.name] = load_scorers([config], identifier, graders)[0]
        scored = []
        for path in shard_paths(folder / "prompts"):
            prompts = {(p.family, p.prompt_id): p for p in read_shard(path, Prompt)}
            rows = read_shard(folder / "completions" / path.name, Completion)
            asked = [prompts[row.family, row.prompt_id] for row in rows]
            rewards = self._scorers[config.name].score(asked, rows)
            scored += [
                # by the language of the question, as grades go
                replace(row, language=prompt.language, rewards={config.name: reward})
                for prompt, row, reward in zip(asked, rows, rewards, strict=True)
            ]
        return scored


def check_judges(configs: Sequence[JudgeConfig], task: EvaluationTask) -> None:
    """Raise InputError for a judge that would fail only when every run is done."""
    for config in configs:
        if isinstance(config, OracleConfig):
            _judged_metric(task)
            continue
        scorer_settings(config)
        if isinstance(config, GoldConfig) and config.grader not in GRADERS:
            raise InputError(
                f"judges: no grader {config.grader!r}; expected one of {', '.join(GRADERS)}"
            )


def oracle(graded: Sequence[Graded], task: EvaluationTask) -> dict[Key, Answered]:
    """The grade of each question by the task's first metric, 0 for an answer in another language.

    An answer whose language the identifier is not sure of keeps its grade. Of several samples it is
    the mean. Raises InputError for a metric of which less is better.
    """
    metric = _judged_metric(task)
    grades, elsewhere = _by_question(graded, metric), _by_question(graded, OFF_TARGET_RATE.name)
    found = {}
    for key, values in grades.items():
        off = elsewhere.get(key) or [None] * len(values)
        found[key] = Answered(
            _mean(
                [
                    0.0 if value is not None and is_off else value
                    for value, is_off in zip(values, off, strict=True)
                ]
            )
        )
    return found


def outcomes_of(new: Mapping[Key, Answered], old: Mapping[Key, Answered]) -> dict[Key, Outcome]:
    """Who wins each question: more is better, unknown on either side is invalid and never a tie.

    Raises:
        InputError: the sides were not asked the same.
    """
    if new.keys() != old.keys():
        raise InputError(
            f"expected the same questions on both sides, came {len(new)} and {len(old)}, differing "
            f"in prompt {min(new.keys() ^ old.keys()).prompt_id}; measure both on the same"
        )
    return {key: _outcome(new[key], old[key]) for key in sorted(new)}


def _judged_metric(task: EvaluationTask) -> str:
    metric = task_metrics(task)[0]
    if metric.lower_is_better:
        raise InputError(
            f"expected a task whose {metric.name} is better where it is higher, came {task.name}; "
            "take another task, or a scorer as judge"
        )
    return metric.name


def _outcome(new: Answered, old: Answered) -> Outcome:
    if new.worth is None or old.worth is None:
        return Outcome.INVALID
    # A model in batches gives one text two rewards that differ in the last digits.
    if new.worth == old.worth or (new.text and new.text == old.text):
        return Outcome.TIE
    return Outcome.WIN if new.worth > old.worth else Outcome.LOSS


def folders_of(run: Run, task: EvaluationTask) -> tuple[Path, Path]:
    """Where the last policy and M0 were measured."""
    last = RunSummary.read_from(run.folder).rounds[-1].round
    new, old = (run.folder / f"round-{round}/evaluate/{task.name}" for round in (last, 0))
    if last == 0 or read_done(new) is None:
        raise InputError(f"expected a trained policy measured on {task.name}, came none")
    return new, old


def _by_question(graded: Sequence[Graded], metric: str) -> dict[Key, list[float | None]]:
    values: dict[Key, list[float | None]] = defaultdict(list)
    for row in graded:
        if row.metric == metric:
            values[Key(row.language, row.family, row.prompt_id)].append(row.value)
    return values


def _off_target(
    new: Sequence[Graded], old: Sequence[Graded]
) -> dict[str, tuple[float | None, float | None]]:
    rates: list[Callable[[str], float | None]] = []
    for graded in (new, old):
        values: dict[str, list[float]] = defaultdict(list)
        for row in graded:
            if row.metric == OFF_TARGET_RATE.name and row.value is not None:
                values[row.language].append(row.value)
        rates.append({tag: _mean(known) for tag, known in values.items()}.get)
    tags = {row.language for row in new}
    return {tag: (rates[0](tag), rates[1](tag)) for tag in sorted(tags)}


def _mean(values: Sequence[float | None]) -> float | None:
    """None where any is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
