"""isoglot: make a language model as good in every language as it is in its best one.

    import isoglot

    run = isoglot.run("lidr-lab", seed=2, out="runs/mine")
    run.table()

The command line is a thin layer over these functions. Heavy libraries are imported at first use,
so that `import isoglot` is quick.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from isoglot.core.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isoglot.core.errors import InputError
    from isoglot.core.languages import LANGUAGES, Language
    from isoglot.core.protocols import LanguageIdentifier, Sampler, Sampling, Scorer, Translator
    from isoglot.core.records import Completion, Dropped, Preference, Prompt, Result
    from isoglot.core.store import read_shard
    from isoglot.line.evaluate import EvaluationRequest
    from isoglot.models.load import load_identifier, load_sampler
    from isoglot.recipe.recipe import Recipe, load_recipe, recipe_names
    from isoglot.recipe.tasks import TaskOptions
    from isoglot.report.objects import Evaluated, Judged, ModelRatings, Run
    from isoglot.report.pages.run import write_report
    from isoglot.report.results.inspection import Inspection

_WHERE = {
    "core.errors": ("InputError",),
    "core.languages": ("LANGUAGES", "Language"),
    "core.protocols": ("LanguageIdentifier", "Sampler", "Sampling", "Scorer", "Translator"),
    "core.records": ("Completion", "Dropped", "Preference", "Prompt", "Result"),
    "core.store": ("read_shard",),
    "models.load": ("load_identifier", "load_sampler"),
    "recipe.tasks": ("TaskOptions",),
    "recipe.recipe": ("Recipe", "load_recipe", "recipe_names"),
    "report.pages.run": ("write_report",),
    "report.results.inspection": ("Inspection",),
    "report.objects": ("Evaluated", "Judged", "ModelRatings", "Run"),
}
"""The modules of the names that are imported at first use."""

__all__ = [
    "LANGUAGES",
    "Completion",
    "Dropped",
    "Evaluated",
    "InputError",
    "Inspection",
    "Judged",
    "Language",
    "LanguageIdentifier",
    "ModelRatings",
    "Preference",
    "Prompt",
    "Recipe",
    "Result",
    "Run",
    "Sampler",
    "Sampling",
    "Scorer",
    "TaskOptions",
    "Translator",
    "__version__",
    "evaluate",
    "identify",
    "inspect",
    "judge",
    "load_identifier",
    "load_recipe",
    "load_sampler",
    "open_evaluation",
    "open_run",
    "pair",
    "read_shard",
    "recipe_names",
    "run",
    "train_policy",
    "write_report",
    "write_task_prompts",
]


def __getattr__(name: str) -> Any:
    for module, names in _WHERE.items():
        if name in names:
            return getattr(import_module(f"isoglot.{module}"), name)
    raise AttributeError(f"module 'isoglot' has no attribute {name!r}")


def run(
    recipe: str | Path | Recipe,
    settings: Mapping[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    redo: bool = False,
    silent: bool = False,
    **keys: Any,
) -> Run:
    """Run a recipe; the same call resumes.

    Example:
        >>> run = isoglot.run("lidr-lab", {"prompts.num_families": 20}, seed=2, out="runs/mine")
        >>> run.pairs(language="sw")[0].chosen_text
        >>> run.to_pandas(), run.policy, run.report

    Args:
        recipe: a recipe, a `.yaml` file, or a name that `recipe_names` lists.
        settings: keys of the recipe with dots, such as `{"train.training.beta": 0.1}`.
        out: the run directory; default: `runs/NAME`.
        redo: make stages again that were made with other settings, instead of refusing the run.
        silent: show no progress.
        keys: top-level keys of the recipe, such as `seed=2`.

    Raises:
        InputError: an unknown recipe or key, or `out` holds something else.
    """
    from isoglot.line.pipeline import run_recipe
    from isoglot.recipe.recipe import load_recipe
    from isoglot.report.objects import Run

    loaded = load_recipe(recipe, {**(settings or {}), **keys})
    folder = Path(out or Path("runs") / loaded.name)
    return Run(folder, run_recipe(loaded, folder, redo=redo, silent=silent))


def open_run(folder: str | Path) -> Run:
    """Open the run directory of an earlier run.

    Example:
        >>> isoglot.open_run("runs/mine").table()

    Raises:
        InputError: no run is there.
    """
    from isoglot.report.objects import Run

    return Run.open(folder)


def evaluate(
    model: str,
    tasks: str | Sequence[str],
    languages: Sequence[str] = (),
    *,
    baseline: str | Path | Evaluated | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    regrade: bool = False,
    redo: bool = False,
    silent: bool = False,
    **options: Unpack[TaskOptions],
) -> Evaluated:
    """Evaluate a model on tasks in several languages; the same call resumes.

    Example:
        >>> result = isoglot.evaluate("lab", ["lab_math"], ["sw", "de"], limit=20, out="runs/lab")
        >>> row = result["lab_math", "sw"]
        >>> row.value, row.low, row.high, row.n

    Args:
        model: a folder, a hub id or ID@COMMIT, `lab`, `URL#MODEL` of a server, a file of
            completions, or a `.yaml` file with a model's settings.
        tasks: benchmarks (`isoglot benchmarks`), `lab_math` or `lab_open`.
        languages: tags and sets of languages; default: all languages of each task.
        baseline: another model or its evaluation, to compare with.
        out: the folder of the evaluation; default: `runs/evaluate-MODEL`.
        seed: seed of the selected examples and of the intervals.
        regrade: grade the stored answers again, without a model.
        redo: make again what was made with other settings, instead of refusing it.
        silent: show no progress.
        options: see `isoglot.recipe.tasks.TaskOptions`: limit, shots, data, plain …

    Raises:
        InputError: an unknown model, task or language, or `out` holds something else.
    """
    from isoglot.line.evaluate import baseline_of, evaluate_model, folder_name
    from isoglot.recipe.models import model_of
    from isoglot.report.objects import Evaluated

    request = _request(tasks, languages, seed, silent, options)
    folder = Path(out or Path("runs") / f"evaluate-{folder_name(model)}")
    plain = options.get("plain", False)
    text = str(baseline.folder if isinstance(baseline, Evaluated) else baseline)
    base = None if baseline is None else baseline_of(text, plain=plain)
    again = {"regrade": regrade, "redo": redo}
    results = evaluate_model(model_of(model, plain=plain), request, folder, baseline=base, **again)
    return Evaluated(folder, results)


def write_task_prompts(
    path: str | Path,
    tasks: str | Sequence[str],
    languages: Sequence[str] = (),
    *,
    seed: int = 1,
    **options: Unpack[TaskOptions],
) -> int:
    """Write the prompts of tasks as JSON lines, to be completed elsewhere; returns their number.

    A file of rows with `prompt_id` and `completion` can then be evaluated as a model.

    Example:
        >>> isoglot.write_task_prompts("prompts.jsonl", "lab_math", ["sw", "de"], limit=5)
        10

    Args: as of `evaluate`.
    """
    from isoglot.line.evaluate import write_prompts_file

    return write_prompts_file(_request(tasks, languages, seed, False, options), Path(path))


def open_evaluation(folder: str | Path) -> Evaluated:
    """Open the folder of an earlier evaluation.

    Example:
        >>> isoglot.open_evaluation("runs/lab").to_pandas()

    Raises:
        InputError: no evaluation is there.
    """
    from isoglot.report.objects import Evaluated

    return Evaluated.open(folder)


def judge(
    a: str | Path | Evaluated,
    b: str | Path | Evaluated | None,
    judge: str,
    *,
    task: str | None = None,
    languages: Sequence[str] = (),
    out: str | Path | None = None,
    reading: Literal["auto", "text", "likelihood"] = "auto",
    second: str | Path | None = None,
    max_cost_usd: float | None = None,
    again_invalid: bool = False,
    seed: int = 1,
    silent: bool = False,
) -> Judged | ModelRatings:
    """Judge two models' answers, each pair in both orders; the same call resumes.

    Example:
        >>> models = {"new": "lab", "old": "lab:hasty"}
        >>> for name, model in models.items():
        ...     isoglot.evaluate(model, "lab_math", ["sw"], limit=9, out=f"runs/{name}")
        >>> isoglot.judge("runs/new", "runs/old", judge="oracle")["sw"].value

    Args:
        a: the answers: an evaluation, its folder, or a file of completions.
        b: the answers of the baseline; None rates the answers of `a` alone, from 1 to 10.
        judge: a model as for `evaluate`; `oracle` or `oracle:GRADER`; `scorer:NAME`.
        task: the task, if an evaluation has several.
        out: the folder of the verdicts; default: `runs/judge` or `runs/rate`.
        reading: the judge's text, or the likelihood of each label.
        second: the folder of another judge's verdicts, for their agreement.
        max_cost_usd: the most that a server may cost.
        again_invalid: judge again the pairs without a readable verdict.
        seed: seed of the intervals.
        silent: show no progress.

    Raises:
        InputError: different prompts, an unknown judge, or `out` holds another comparison.
    """
    from isoglot.core.errors import InputError
    from isoglot.judging.compare import compare_answers
    from isoglot.judging.judges import judge_of, rater_of
    from isoglot.judging.rate import rate_model
    from isoglot.report.objects import Judged, ModelRatings

    ours = _folder(a)
    if task and all(side is None or _folder(side).is_file() for side in (a, b)):
        raise InputError("expected no task for files of completions, which have none; leave it out")
    given: dict[str, Any] = {"task": task, "languages": languages, "seed": seed, "silent": silent}
    if b is None:
        folder = Path(out or "runs/rate")
        rater = rater_of(judge, reading=reading, second=_path(second), max_cost_usd=max_cost_usd)
        ratings = rate_model(ours, rater, folder, again_unreadable=again_invalid, **given)
        return ModelRatings(folder, ratings)
    folder = Path(out or "runs/judge")
    source = judge_of(judge, answers=ours, task=task, reading=reading, max_cost_usd=max_cost_usd)
    given |= {"second": _path(second), "again_invalid": again_invalid}
    return Judged(folder, compare_answers(ours, _folder(b), source, folder, **given))


def train_policy(
    method: Literal["sft", "dpo", "rloo", "grpo", "sdft"],
    source: str | Path | Sequence[str | Mapping[str, Any]],
    model: str,
    settings: Mapping[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    rewards: Sequence[str] = (),
    languages: Sequence[str] = (),
    language: str | None = None,
    skip_refused: bool = False,
    seed: int = 1,
) -> Path:
    """Train a model on rows of your own, without a recipe; the same call resumes.

    Example:
        >>> pairs = [{"prompt": "1 + 1?", "chosen": "2", "rejected": "3", "language": "en"}]
        >>> policy = isoglot.train_policy("dpo", pairs, "lab", {"max_steps": 1}, out="runs/own")

    Args:
        method: `sft` on demonstrations, `dpo` on preferences, `rloo` or `grpo` on
            prompts, `sdft` on prompts of whole families with answers in the dominant language.
        source: a file, a folder, a glob, a set of the hub (`owner/name`), or a list of rows.
        model: the folder or hub id of the model to start from, or `lab`.
        settings: keys of a recipe's `train:` with dots (`lora.r`), of `launch`, `score` and, for
            sdft, `privilege` and `dominant_language`, or arguments of TRL's config.
        out: the folder of the training; default: `runs/METHOD`.
        rewards: the scorers of rloo and grpo: `language_match`, `length`, `gold:GRADER`,
            `judge:MODEL`, `python:MODULE:NAME`, or the folder or hub id of a reward model.
        languages: tags and sets to train on; default: all of the rows.
        language: the language of rows that name none; default: it is identified.
        skip_refused: leave out rows that make no example, instead of refusing the first one.
        seed: seed of the mixture and of the order.

    Returns: the folder of the trained policy.

    Raises:
        InputError: a row that makes no example, an unknown key, or `out` holds another training.
    """
    from isoglot.core.language_sets import expand
    from isoglot.execute.folder import owned_folder
    from isoglot.line.own_training import OwnTraining
    from isoglot.recipe.models import model_path, scorer_of
    from isoglot.recipe.sources import named_source
    from isoglot.train.policy import Policy

    training = OwnTraining.of_settings(
        method, settings or {}, [scorer_of(name) for name in rewards]
    )
    training.check()
    rows = named_source(source, {"skip_refused": skip_refused})
    folder, tags = Path(out or Path("runs") / method), expand(languages) if languages else ()
    with owned_folder(folder, "training"):
        shards = training.shards([rows], folder, languages=tags, language=language)
        summary = training.run(shards, Policy(model_path(model)), folder, seed=seed)
    return Path(summary["policy"])


def inspect(
    source: str | Path | Sequence[str | Mapping[str, Any]],
    settings: Mapping[str, Any] | None = None,
    *,
    languages: Sequence[str] = ("xllms-100",),
) -> Inspection:
    """Inspect the rows of a source, before they are used: form, languages, columns, refusals.

    Example:
        >>> found = isoglot.inspect([{"prompt": "Hi", "completion": "Hello", "lang": "en"}])
        >>> found.forms
        {'prompt-completion': 1}

    Args:
        source: a file, a folder, a glob, a set of the hub (`owner/name`), or a list of rows.
        settings: keys of `prompts.source` with dots, such as `{"columns.prompt": "question"}`.
        languages: tags and sets, to identify the rows among that name no language.

    Raises:
        InputError: files that are missing or damaged, or a set that cannot be read.
    """
    from isoglot.core.language_sets import expand
    from isoglot.line.inspection import inspect_rows
    from isoglot.recipe.sources import named_source

    return inspect_rows(named_source(source, settings or {}), expand(languages))


def identify(texts: Sequence[str], languages: Sequence[str]) -> list[str | None]:
    """Identify the language of each text among some languages; None if unsure.

    Example:
        >>> isoglot.identify(["Habari za asubuhi, karibu sana"], languages=["sw", "en"])
        ['sw']

    Raises:
        InputError: an unknown language.
    """
    from isoglot.core.language_sets import expand
    from isoglot.models.load import load_identifier

    return load_identifier(expand(languages)).identify(texts)


def pair(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    method: str = "best_vs_worst",
    *,
    dominant_language: str = "en",
    round: int = 0,
    **settings: Any,
) -> list[Preference]:
    """Make preferences of completions, by a pairing rule of the line.

    Example:
        >>> prompt = isoglot.Prompt.from_text("1 + 1?", language="en")
        >>> right, wrong = (
        ...     isoglot.Completion.from_text(prompt, text, sampler=name, reward=reward)
        ...     for name, text, reward in [("a", "2", 1.0), ("b", "3", 0.0)]
        ... )
        >>> [pair] = isoglot.pair([prompt], [right, wrong], method="best_vs_worst")
        >>> pair.chosen_text
        '2'

    Args:
        prompts: the prompts of whole families.
        completions: their completions, with rewards for the methods that rank.
        method: `best_vs_worst`, `best_vs_random`, `max_vs_low` or `translated_vs_direct`.
        dominant_language: the language whose answers are trusted (`translated_vs_direct`).
        round: the round that the preferences are marked with.
        settings: other keys of a recipe's `pair:` section.

    Raises:
        InputError: an unknown method or key.
    """
    from isoglot.core.section import validated
    from isoglot.data.pair import PairConfig, pair_completions
    from isoglot.data.splice import spliced_preferences
    from isoglot.models.load import load_identifier

    config = validated(PairConfig, {"method": method, **settings}, "pair")
    made = pair_completions(prompts, completions, config, dominant=dominant_language, round=round)
    if not config.spliced:
        return made
    identifier = load_identifier(sorted({row.answer_language for row in prompts}))
    given: dict[str, Any] = {"share": config.spliced, "seed": config.seed}
    return [*made, *spliced_preferences(made, completions, identifier, **given)]


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _folder(answers: str | Path | Evaluated) -> Path:
    return Path(answers) if isinstance(answers, str | Path) else answers.folder


def _request(
    tasks: str | Sequence[str],
    languages: Sequence[str],
    seed: int,
    silent: bool,
    options: TaskOptions,
) -> EvaluationRequest:
    from isoglot.core.language_sets import expand
    from isoglot.line.evaluate import EvaluationRequest
    from isoglot.recipe.tasks import tasks_of

    made = tasks_of([tasks] if isinstance(tasks, str) else list(tasks), **options)
    return EvaluationRequest(made, expand(languages), seed, silent=silent)
