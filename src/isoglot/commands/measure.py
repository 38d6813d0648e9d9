"""The verbs that measure, from `evaluate` to `compare`. `cli` puts them beside the others."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from isoglot.core.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from isoglot.report.results.evaluation import Evaluation
    from isoglot.report.results.rewards import RewardResults

Redo = Annotated[bool, typer.Option(help="Make again what was made with other settings.")]


def console() -> "Console":
    """Where tables are printed."""
    from rich.console import Console

    return Console()


Model = Annotated[
    str,
    typer.Argument(
        help="A folder, hub id or ID@COMMIT, `lab`, URL#MODEL of a server, completions (.jsonl, "
        ".csv, .parquet …), or a .yaml file with a model's settings."
    ),
]
Tasks = Annotated[str, typer.Option(help="Names that `benchmarks` lists, between commas.")]
Languages = Annotated[
    str,
    typer.Option(help="Tags and sets (`languages --sets`) between commas; default: all there are."),
]
Baseline = Annotated[
    str | None,
    typer.Option(help="Another model, or the folder of its evaluation: adds the changes to it."),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder of a benchmark's files, or of several such; default: the hub."),
]
Revision = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TASK=COMMIT",
        help="Commit, branch or tag of a task's data set on the hub; once for each task. Default: "
        "main. The commit that was read stands in every signature.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the evaluation; default: runs/evaluate-MODEL.")
]
Shots = Annotated[int, typer.Option(min=0, help="Worked examples before each question.")]
Variant = Annotated[str, typer.Option(help="A task's way of asking, as `benchmarks` has it.")]
Answering = Annotated[
    Literal["generation", "likelihood"] | None,
    typer.Option(help="By what it writes or what it finds likeliest; default: the task's first."),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Questions of each language, the same in each; default: all."),
]
MaxNewTokens = Annotated[
    int | None, typer.Option(min=1, help="Longest answer; default: the task's.")
]
CutOff = Annotated[
    Literal["graded", "wrong", "unknown"], typer.Option(help="Answers that hit the limit.")
]
Seed = Annotated[int, typer.Option(help="Of the questions drawn and the intervals.")]
Questions = Annotated[
    Path | None,
    typer.Option(
        help="Write the questions to this .jsonl file and stop: answer them anywhere, then give "
        "the file of completions (prompt_id, completion) as MODEL."
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Give the bare text, no chat template: for base models.")
]
Regrade = Annotated[
    bool, typer.Option("--regrade", help="Grade the answers again; loads no model.")
]


def evaluate(
    model: Model,
    tasks: Tasks,
    languages: Languages = "",
    baseline: Baseline = None,
    data: Data = None,
    revision: Revision = None,
    out: Out = None,
    shots: Shots = 0,
    variant: Variant = "",
    answering: Answering = None,
    limit: Limit = None,
    max_new_tokens: MaxNewTokens = None,
    cut_off: CutOff = "graded",
    seed: Seed = 1,
    questions: Questions = None,
    regrade: Regrade = False,
    plain: Plain = False,
    redo: Redo = False,
) -> None:
    """Measure a model on benchmarks, each language with its interval.

    Answers are kept: the same command goes on where it stopped.

    Example: isoglot evaluate ./my-model --tasks mgsm,xcopa --languages de,sw --baseline ./my-base
    """
    from isoglot.core.language_sets import expand
    from isoglot.line import evaluate as measuring
    from isoglot.recipe.tasks import tasks_of

    made = tasks_of(
        _listed(tasks),
        shots=shots,
        variant=variant,
        answering=answering,
        data=data,
        revisions=_pinned(revision or []),
        limit=limit,
        max_new_tokens=max_new_tokens,
        cut_off=cut_off,
        stop=("\n\n",) if plain and shots else (),  # a blank line stands between worked examples
    )
    request = measuring.EvaluationRequest(made, expand(_listed(languages)), seed)
    if questions:
        return print(f"{measuring.write_prompts_file(request, questions)} questions: {questions}")
    folder = out or Path("runs") / f"evaluate-{measuring.folder_name(model)}"
    from isoglot.recipe.models import model_of

    measured = model_of(model, plain=plain)
    base = measuring.baseline_of(baseline, plain=plain) if baseline else None
    again = {"regrade": regrade, "redo": redo}
    results = measuring.evaluate_model(measured, request, folder, baseline=base, **again)
    _show_evaluation(results, folder)


def benchmarks() -> None:
    """List the benchmarks: languages, ways of asking, where to get them."""
    from rich.table import Table

    from isoglot.benchmarks.catalogue import BENCHMARKS

    table = Table("task", "languages", "answered by", "variants", "what it is", "where")
    for each in BENCHMARKS.values():
        tags = list(each.languages)
        some = " ".join(tags[:12]) + (f" … ({len(tags)})" if len(tags) > 12 else "")
        table.add_row(
            each.name,
            some,
            "judge" if each.judged else ", ".join(each.answering),
            " ".join(each.variants[:6]),
            each.title,
            each.source.hub or each.source.how_to_get,
        )
    console().print(table)


Answers = Annotated[
    Path, typer.Argument(help="Folder of `evaluate`, or a file of completions (.jsonl, .csv …).")
]
BaselineAnswers = Annotated[
    Path | None,
    typer.Argument(help="Those of the baseline. Left out, A's answers are graded alone, 1 to 10."),
]
By = Annotated[
    str,
    typer.Option(
        "--judge",
        help="A model, named as for `evaluate`; `oracle` or `oracle:GRADER` for examples with "
        "gold; `scorer:NAME` for a reward.",
    ),
]
Task = Annotated[str | None, typer.Option(help="The task, where a folder has several.")]
Reading = Annotated[
    Literal["auto", "text", "likelihood"],
    typer.Option(help="Verdicts read off the judge's text, or how likely it finds each label."),
]
Second = Annotated[
    Path | None, typer.Option(help="Folder of another judge's verdicts: adds their agreement.")
]
MaxCost = Annotated[
    float | None, typer.Option(help="Most US dollars to spend; needs the prices of the model.")
]
AgainInvalid = Annotated[
    bool, typer.Option("--again-invalid", help="Ask again where no verdict could be read.")
]
JudgeOut = Annotated[
    Path | None,
    typer.Option(help="Folder of the verdicts; default: runs/judge or runs/rate."),
]


def judge(
    a: Answers,
    by: By,
    b: BaselineAnswers = None,
    task: Task = None,
    languages: Languages = "",
    out: JudgeOut = None,
    reading: Reading = "auto",
    second: Second = None,
    max_cost: MaxCost = None,
    again_invalid: AgainInvalid = False,
    seed: Seed = 1,
) -> None:
    """Compare two models' answers, in both orders; or grade one model's, 1 to 10, as MT-Bench does.

    What the judge said is kept: the same command goes on where it stopped, or adds what is new.

    Example: isoglot judge runs/evaluate-new runs/evaluate-old --task dolly --judge openai:gpt-4o

    Example: isoglot judge runs/evaluate-new --task mt_bench --judge openai:gpt-4o
    """
    from isoglot.judging import compare, judges
    from isoglot.judging.rate import rate_model
    from isoglot.report.pages.judge import write_judge_report
    from isoglot.report.pages.judge_tables import judge_table
    from isoglot.report.pages.ratings import write_rating_report
    from isoglot.report.pages.ratings_tables import rating_table

    tags, folder = _listed(languages), out or Path("runs/rate" if b is None else "runs/judge")
    if b is None:
        rater = judges.rater_of(by, reading=reading, second=second, max_cost_usd=max_cost)
        ratings = rate_model(
            a, rater, folder, task=task, languages=tags, again_unreadable=again_invalid, seed=seed
        )
        table, write_report = rating_table(ratings), write_rating_report
    else:
        comparison = compare.judge(
            a,
            b,
            judges.judge_of(by, answers=a, task=task, reading=reading, max_cost_usd=max_cost),
            folder,
            task=task,
            languages=tags,
            second=second,
            again_invalid=again_invalid,
            seed=seed,
        )
        table, write_report = judge_table(comparison), write_judge_report
    console().print(table.to_rich())
    console().print(f"report: {write_report(folder)}", soft_wrap=True)


Scorers = Annotated[
    list[str],
    typer.Argument(
        metavar="SCORER...",
        help="Folders or hub ids of reward models, `length`, `language_match`, `gold:GRADER`, "
        "`judge:MODEL`.",
    ),
]
On = Annotated[
    str,
    typer.Option(
        help="Preferences, between commas: published sets (such as tata), a run's folder, a folder "
        "of shards, or .parquet files."
    ),
]
Inside = Annotated[
    str,
    typer.Option(help="Likewise, of the kind on which the scorers were trained: set beside --on."),
]
SetsData = Annotated[Path | None, typer.Option(help="Folder in which the published sets lie.")]
RewardsOut = Annotated[Path, typer.Option(help="Folder of the rewards and the page.")]


def rewards(
    scorers: Scorers,
    on: On = "",
    in_distribution: Inside = "",
    data: SetsData = None,
    languages: Languages = "",
    out: RewardsOut = Path("runs/rewards"),
    seed: Seed = 1,
    redo: Redo = False,
) -> None:
    """Measure how often scorers are right about preferences, in each language.

    Rewards are kept: the same command goes on where it stopped, or adds scorers and sets.

    Example: isoglot rewards runs/reward/policy length --on tata,llmbar --data ../shared/data
    """
    from isoglot.rewards.accuracy import measure_rewards

    results = measure_rewards(
        scorers,
        _listed(on),
        out,
        in_distribution=_listed(in_distribution),
        data=data,
        languages=_listed(languages),
        seed=seed,
        redo=redo,
    )
    _show_rewards(results, out)


def held_out_rewards(
    on: str, trained_on: list[Path], out: Path, data: Path | None
) -> Callable[[str], None]:
    """Return a function that measures a trained reward model, and `length` next to it.

    Raises InputError at once for preferences on prompts that are trained on.
    """
    from isoglot.rewards.accuracy import check_held_out, measure_rewards

    names, folder = _listed(on), out / "rewards"
    check_held_out(names, trained_on, folder, data)

    def measure(model: str) -> None:
        results = measure_rewards(
            [model, "length"], (), folder, in_distribution=names, data=data, redo=True
        )
        results.write(out / "rewards.json")
        _show_rewards(results, folder)

    return measure


def _show_rewards(results: "RewardResults", folder: Path) -> None:
    """Print the table of each set, and write the page."""
    from isoglot.report.pages.rewards import write_rewards_report
    from isoglot.report.pages.rewards_tables import distribution_table, rewards_table

    for name in results.sets:
        console().print(rewards_table(results, name).to_rich())
    if results.distribution:
        console().print(distribution_table(results.distribution).to_rich())
    console().print(f"report: {write_rewards_report(folder)}", soft_wrap=True)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of `evaluate` or of `run`, the first to compare with."),
    ],
    out: Annotated[Path, typer.Option(help="Where the page goes.")] = Path("runs/compare"),
) -> None:
    """Put models side by side: the same questions, each language, the difference to the first.

    Example: isoglot compare runs/evaluate-base runs/evaluate-m1 runs/evaluate-m2
    """
    from isoglot.report.pages.comparison import write_comparison
    from isoglot.report.pages.comparison_table import changes_of, comparison_table
    from isoglot.report.results.runs import compare_runs

    comparison = compare_runs(runs)
    for measure in comparison.measures:
        changes = changes_of(comparison, measure)
        console().print(comparison_table(comparison, measure, changes).to_rich())
    console().print(f"report: {write_comparison(runs, out)}", soft_wrap=True)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pinned(words: list[str]) -> dict[str, str]:
    """Task → revision."""
    pairs = [word.partition("=") for word in words]
    for word, (task, _, revision) in zip(words, pairs, strict=True):
        if not task or not revision:
            raise InputError(f"expected --revision TASK=COMMIT, got {word!r}; --revision mgsm=main")
    return {task: revision for task, _, revision in pairs}


def _show_evaluation(results: "Evaluation", folder: Path) -> None:
    from isoglot.report.pages.evaluation import write_evaluation_report
    from isoglot.report.pages.evaluation_tables import task_table
    from isoglot.report.results.rows import tasks_of

    screen = console()
    for task in tasks_of(results.results):
        screen.print(task_table(results, task).to_rich())
    screen.print(f"report: {write_evaluation_report(folder)}", soft_wrap=True)
