"""The verbs that evaluate models: evaluate, benchmarks, compare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import isoglot
from isoglot.commands.options import Languages, Redo, Seed, console, listed, print_next, print_path
from isoglot.core.errors import InputError

_Model = Annotated[
    str,
    typer.Argument(
        help="A folder, hub id or ID@COMMIT, `lab`, URL#MODEL of a server, completions (.jsonl, "
        ".csv, .parquet …), or a .yaml file with a model's settings."
    ),
]
_Tasks = Annotated[
    str,
    typer.Option(
        help="Tasks that `benchmarks` lists, or .yaml files of your own, separated by commas; or "
        "lab_math, lab_open."
    ),
]
_Baseline = Annotated[
    str | None,
    typer.Option(help="Another model, or the folder of its evaluation, to compare with."),
]
_Data = Annotated[
    Path | None,
    typer.Option(help="Folder of the published files; default: the hub."),
]
_Revision = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TASK=COMMIT",
        help="Commit, branch or tag of a task's data set on the hub, once per task; default: main. "
        "The signatures name the commit.",
    ),
]
_Out = Annotated[
    Path | None, typer.Option(help="Folder of the evaluation; default: runs/evaluate-MODEL.")
]
_Shots = Annotated[int, typer.Option(min=0, help="Worked examples before each prompt.")]
_Variant = Annotated[
    str, typer.Option(help="Prompt variant of the task, as `benchmarks` lists it.")
]
_Answering = Annotated[
    Literal["generation", "likelihood"] | None,
    typer.Option(help="Generation, or choice scoring by likelihood; default: the task's first."),
]
_Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Examples per language, the same in each; default: all."),
]
_MaxNewTokens = Annotated[
    int | None, typer.Option(min=1, help="Longest answer; default: the task's.")
]
_CutOff = Annotated[
    Literal["graded", "wrong", "unknown"] | None,
    typer.Option(
        help="Treatment of answers that reach the limit; default: graded, for the lab wrong."
    ),
]
_Questions = Annotated[
    Path | None,
    typer.Option(
        help="Only write the prompts to this .jsonl file: complete them elsewhere, then evaluate "
        "the file of completions (prompt_id, completion) as MODEL."
    ),
]
_Plain = Annotated[
    bool, typer.Option("--plain", help="Leave out the chat template, for base models.")
]
_Regrade = Annotated[
    bool, typer.Option("--regrade", help="Grade the stored answers again, without a model.")
]


def evaluate_command(
    model: _Model,
    tasks: _Tasks,
    languages: Languages = "",
    baseline: _Baseline = None,
    data: _Data = None,
    revision: _Revision = None,
    out: _Out = None,
    shots: _Shots = 0,
    variant: _Variant = "",
    answering: _Answering = None,
    limit: _Limit = None,
    max_new_tokens: _MaxNewTokens = None,
    cut_off: _CutOff = None,
    seed: Seed = 1,
    questions: _Questions = None,
    regrade: _Regrade = False,
    plain: _Plain = False,
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
    kept: dict[str, Any] = {"baseline": baseline, "out": out, "regrade": regrade, "redo": redo}
    if questions:
        decoded = {"max_new_tokens": max_new_tokens, "cut_off": cut_off, "plain": plain}
        _refuse_with_questions({**kept, **decoded})
        num = isoglot.write_task_prompts(
            questions, listed(tasks), listed(languages), seed=seed, **options
        )
        print(f"{num} questions: {questions}")
        return
    result = isoglot.evaluate(model, listed(tasks), listed(languages), seed=seed, **kept, **options)
    for table in result.tables():
        console().print(table.to_rich())
    for note in result.results.notes:
        console().print(note)
    print_path("report", result.report)
    print_next(
        f"isoglot compare OTHER {result.folder}",
        f"isoglot export {result.folder} table.tex --as latex",
    )


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
    print_next("isoglot evaluate MODEL --tasks mgsm,xcopa --languages de,sw")


def compare_command(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of `evaluate` or `run`; the first is the baseline."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("runs/compare"),
) -> None:
    """Compare models on the same examples, language by language, with the first one.

    Example: isoglot compare runs/evaluate-base runs/evaluate-m1 runs/evaluate-m2
    """
    from isoglot.execute.folder import owned_folder
    from isoglot.report.pages.comparison import write_comparison
    from isoglot.report.pages.comparison_table import compared_of, comparison_table
    from isoglot.report.results.runs import compare_runs

    with owned_folder(out, "comparison"):
        comparison = compare_runs(runs)
        for measure in comparison.measures:
            compared = compared_of(comparison, measure)
            console().print(comparison_table(comparison, measure, compared).to_rich())
        print_path("report", write_comparison(runs, out))
    print_next(f"isoglot export {runs[-1]} table.tex --as latex")


def _refuse_with_questions(options: Mapping[str, object]) -> None:
    """Raise InputError for an option of answers that is given where only prompts are written."""
    if given := [name for name, value in options.items() if value]:
        raise InputError(
            f"--questions only writes the prompts, and --{given[0].replace('_', '-')} is for their "
            "answers: give it when you evaluate the file of completions"
        )


def _pinned(words: list[str]) -> dict[str, str]:
    """Task → revision."""
    pairs = [word.partition("=") for word in words]
    for word, (task, _, revision) in zip(words, pairs, strict=True):
        if not task or not revision:
            raise InputError(f"expected --revision TASK=COMMIT, got {word!r}; --revision mgsm=main")
    return {task: revision for task, _, revision in pairs}
