"""The verbs that evaluate models: evaluate, benchmarks, compare."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import isoglot
from isoglot.commands.options import Languages, Redo, Seed, console, listed, print_path
from isoglot.core.errors import InputError

Model = Annotated[
    str,
    typer.Argument(
        help="A folder, hub id or ID@COMMIT, `lab`, URL#MODEL of a server, completions (.jsonl, "
        ".csv, .parquet …), or a .yaml file with a model's settings."
    ),
]
Tasks = Annotated[str, typer.Option(help="Names that `benchmarks` lists, between commas.")]
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


def evaluate_command(
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
    """Evaluate a model on benchmarks, with an interval for each language.

    Answers are kept: the same command resumes.

    Example: isoglot evaluate ./my-model --tasks mgsm,xcopa --languages de,sw --baseline ./my-base
    """
    options = isoglot.TaskOptions(
        limit=limit,
        max_new_tokens=max_new_tokens,
        cut_off=cut_off,
        data=data,
        revisions=_pinned(revision or []),
        shots=shots,
        variant=variant,
        answering=answering,
        plain=plain,
    )
    if questions:
        num = isoglot.write_task_prompts(
            questions, listed(tasks), listed(languages), seed=seed, **options
        )
        print(f"{num} questions: {questions}")
        return
    result = isoglot.evaluate(
        model,
        listed(tasks),
        listed(languages),
        baseline=baseline,
        out=out,
        seed=seed,
        regrade=regrade,
        redo=redo,
        **options,
    )
    for table in result.tables():
        console().print(table.to_rich())
    print_path("report", result.report)


def benchmarks_command() -> None:
    """List the benchmarks with their languages, variants and sources."""
    from rich.table import Table

    from isoglot.benchmarks.catalogue import BENCHMARKS

    table = Table("task", "languages", "answered by", "variants", "title", "source")
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


def compare_command(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of `evaluate` or of `run`, the first to compare with."),
    ],
    out: Annotated[Path, typer.Option(help="Where the page goes.")] = Path("runs/compare"),
) -> None:
    """Compare models on the same examples, language by language, with the first one.

    Example: isoglot compare runs/evaluate-base runs/evaluate-m1 runs/evaluate-m2
    """
    from isoglot.report.pages.comparison import write_comparison
    from isoglot.report.pages.comparison_table import changes_of, comparison_table
    from isoglot.report.results.runs import compare_runs

    comparison = compare_runs(runs)
    for measure in comparison.measures:
        changes = changes_of(comparison, measure)
        console().print(comparison_table(comparison, measure, changes).to_rich())
    print_path("report", write_comparison(runs, out))


def _pinned(words: list[str]) -> dict[str, str]:
    """Task → revision."""
    pairs = [word.partition("=") for word in words]
    for word, (task, _, revision) in zip(words, pairs, strict=True):
        if not task or not revision:
            raise InputError(f"expected --revision TASK=COMMIT, got {word!r}; --revision mgsm=main")
    return {task: revision for task, _, revision in pairs}
