"""Tasks named in one word: a published benchmark, a file of one's own, or a task of the lab."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, Unpack

from isoglot.benchmarks.benchmark import Answering, BenchmarkConfig
from isoglot.benchmarks.catalogue import BENCHMARKS, AnyBenchmark, configured
from isoglot.benchmarks.examples import answering_of, languages_with_rows
from isoglot.benchmarks.own import OwnBenchmarkConfig
from isoglot.core.errors import InputError
from isoglot.core.files import read_file_text
from isoglot.core.section import validated
from isoglot.core.yaml import read_yaml
from isoglot.evals.grading import CutOff
from isoglot.recipe.recipe import Recipe, load_recipe
from isoglot.recipe.sections import EvaluationTask

_FORM = ("data", "shots", "variant", "answering")
"""Options that are keys of `BenchmarkConfig`."""


class TaskOptions(TypedDict, total=False):
    """The form of benchmarks; a task of the lab has one form, and takes the first three only."""

    limit: int | None
    """Families of examples; default: all, for a task of the lab 300 or 100."""
    max_new_tokens: int | None
    """The longest answer; default: the task's."""
    cut_off: CutOff | None
    """The treatment of answers that reach the limit; default: graded as they are, for a task of the
    lab wrong."""
    data: Path | None
    """A folder of published files; default: the hub."""
    revisions: Mapping[str, str]
    """Task → commit, branch or tag of its data set on the hub."""
    shots: int
    """Worked examples before each prompt."""
    variant: str
    """The prompt variant of the task."""
    answering: Answering | None
    """Generation, or choice scoring by likelihood; default: the task's first."""
    plain: bool
    """The prompts have no chat template: a blank line ends an answer after worked examples."""


def tasks_of(names: Sequence[str], **options: Unpack[TaskOptions]) -> tuple[EvaluationTask, ...]:
    """Make the tasks of these names.

    Raises:
        InputError: no name, an unknown one, or an option that a task does not have.
    """
    revisions = options.get("revisions", {})
    form = {key: options[key] for key in _FORM if options.get(key)}  # type: ignore[literal-required]
    stop = ("\n\n",) if options.get("plain") and options.get("shots") else ()
    if not names:
        raise InputError("expected the name of a task, came none; see `isoglot benchmarks`")
    if twice := [name for name, num in Counter(names).items() if num > 1]:
        raise InputError(f"expected each task once, came {twice[0]!r} twice; leave one out")
    if unknown := [name for name in revisions if name not in names]:
        raise InputError(
            f"expected revisions of the tasks {', '.join(names)}, came one of {unknown[0]}; leave "
            "it out, or add the task"
        )
    if revisions and form.get("data"):
        raise InputError(
            "expected revisions of tasks that are read from the hub, came --data, whose files have "
            "none; leave one of them out"
        )
    tasks = []
    for name in names:
        if name in lab_tasks():
            if given := [*form, *(["revision"] if name in revisions else [])]:
                raise InputError(
                    f"{name}: expected no {given[0]}, which is for benchmarks; leave it out"
                )
            tasks.append(_lab_task(lab_tasks()[name], options))
            continue
        source = _source(name, revisions.get(name), form)
        length = options.get("max_new_tokens") or configured(source).max_new_tokens
        values = {
            "name": source.name if isinstance(source, OwnBenchmarkConfig) else name,
            "prompts": source.model_dump(exclude_unset=True) | {"kind": source.kind},
            "num_families": options.get("limit"),
            "decoding": {"max_new_tokens": length, "stop": stop},
            "cut_off": options.get("cut_off") or "graded",
        }
        tasks.append(validated(EvaluationTask, values, f"task {name}"))
    _check_answers_are_generated(tasks, options)
    return tuple(tasks)


def _source(name: str, revision: str | None, form: Mapping[str, Any]) -> AnyBenchmark:
    """Return the published benchmark of a name, or the user's own that a YAML file describes.

    The files of its rows lie beside it, unless their path is absolute.
    """
    path = Path(name).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        values: dict[str, Any] = {"benchmark": name, "revision": revision, **form}
        return validated(BenchmarkConfig, values, f"task {name}")
    if given := [key for key in ("data", "variant") if key in form] + ["revision"] * bool(revision):
        raise InputError(
            f"{name}: expected no {given[0]}, which is for published sets; leave it out"
        )
    if not path.is_file():
        raise InputError(f"expected a task in {name}, came no such file; correct the path")
    values = read_yaml(read_file_text(path), f"task {name}")
    rows = values.get("rows")
    if isinstance(rows, dict) and isinstance(rows.get("path"), str) and rows.get("kind") != "hub":
        values["rows"] = {**rows, "path": str(path.parent / Path(rows["path"]).expanduser())}
    return validated(OwnBenchmarkConfig, {"kind": "own", **values, **form}, f"task {name}")


def task_languages(task: EvaluationTask, languages: Sequence[str]) -> tuple[str, ...]:
    """Return those of the languages that a task has, in files where these are given.

    No languages stand for all that it has.
    """
    if not isinstance(task.prompts, AnyBenchmark):
        return tuple(languages) or _lab_recipe().all_languages
    wanted = languages or tuple(configured(task.prompts).languages)
    return tuple(languages_with_rows(task.prompts, wanted))


def left_out_languages(
    task: EvaluationTask, languages: Sequence[str], taken: Sequence[str]
) -> list[str]:
    """Return the languages that were named, or else those of the benchmark, and are not taken."""
    prompts = task.prompts
    known = configured(prompts).languages if isinstance(prompts, AnyBenchmark) else ()
    return [tag for tag in languages or known if tag not in taken]


def lab_tasks() -> Mapping[str, EvaluationTask]:
    """Return the tasks of the lab by name: those that its recipe evaluates."""
    tasks = {task.name: task for task in _lab_recipe().evaluate.tasks}
    assert not set(tasks) & set(BENCHMARKS)
    return tasks


@cache
def _lab_recipe() -> Recipe:
    return load_recipe("lidr-lab")


def _lab_task(task: EvaluationTask, options: TaskOptions) -> EvaluationTask:
    length = options.get("max_new_tokens") or task.decoding.max_new_tokens
    update = {
        "num_families": options.get("limit") or task.num_families,
        "decoding": task.decoding.model_copy(update={"max_new_tokens": length}),
        "cut_off": options.get("cut_off") or task.cut_off,
    }
    return task.model_copy(update=update)


def _check_answers_are_generated(tasks: Sequence[EvaluationTask], options: TaskOptions) -> None:
    """Raise InputError for an option of generated answers where every task scores choices."""
    given = [name for name in ("max_new_tokens", "cut_off") if options.get(name)]
    prompts = [task.prompts for task in tasks]
    if given and all(
        isinstance(each, AnyBenchmark) and answering_of(each) == "likelihood" for each in prompts
    ):
        raise InputError(
            f"{tasks[0].name}: expected no {given[0]}, which is for generated answers, and these "
            "are choices scored by likelihood; leave it out"
        )
