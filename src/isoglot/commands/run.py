"""The verbs of runs: demo, run, report, audit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import isoglot
from isoglot.commands.options import Overrides, RecipeName, Redo, console, print_next, print_path

if TYPE_CHECKING:
    from isoglot.report.objects import Run

QUICK = (
    "name=lidr-lab-quick",
    "rounds=1",
    "prompts.num_families=250",
    "evaluate.tasks.0.num_families=100",
    "evaluate.tasks.1.num_families=50",
    "evaluate.validation.num_families=60",
)
"""The settings of `demo --quick`: one round, a quarter of the prompts."""

MAX_ROWS = 40
"""A longer table is on the page only."""

RunFolder = Annotated[Path, typer.Argument(help="A run directory.")]


def demo_command(
    overrides: Overrides = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round, under 90 seconds.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The run directory.")] = Path("runs/demo"),
    redo: Redo = False,
) -> None:
    """Train the lab's policy from M0 to M2 by Language Imbalance Driven Rewarding.

    A real 1 M parameter model, real sentences in twelve languages, a few minutes on two CPU cores.

    Example: isoglot demo --quick --out runs/first seed=2
    """
    recipe = isoglot.load_recipe("lidr-lab", [*(QUICK if quick else ()), *(overrides or ())])
    _show(isoglot.run(recipe, out=out, redo=redo))


def run_command(
    recipe: RecipeName,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; default: runs/NAME.")] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="A rehearsal: one round, few families, short answers, small batches.",
        ),
    ] = False,
    redo: Redo = False,
) -> None:
    """Run a recipe; the same command resumes.

    Example: isoglot run lidr --out runs/llama3 policy.path=/models/Meta-Llama-3-8B-Instruct
    """
    found = isoglot.load_recipe(recipe, overrides or [])
    if quick:
        from isoglot.recipe.quick import quick_recipe

        found = quick_recipe(found)
    _show(isoglot.run(found, out=out, redo=redo))


def report_command(run: RunFolder) -> None:
    """Write RUN/report.html again and print the table."""
    _show(isoglot.open_run(run))


def audit_command(run: RunFolder) -> None:
    """Print the off-target rate of each model: how often it answers in another language."""
    from isoglot.report.pages.audit import audit_tables

    for table in audit_tables(isoglot.open_run(run).summary):
        console().print(table.to_rich())
    print_next(f"isoglot report {run}")


def _show(run: "Run") -> None:
    from isoglot.report.pages.audit import audit_tables
    from isoglot.report.pages.headline import Headline
    from isoglot.report.pages.run_data import data_tables, languages_without_route
    from isoglot.report.pages.run_notes import notes_of
    from isoglot.report.pages.run_results import direction_tables, language_table
    from isoglot.report.results.progress import Progress

    screen, summary = console(), run.summary
    progress = Progress(summary)
    if summary.audit and not progress.primary:
        for table in audit_tables(summary):
            screen.print(table.to_rich())
    for table in data_tables(summary):
        many = f"{table.title}: {len(table.rows)} rows, all on the page"
        screen.print(table.to_rich() if len(table.rows) <= MAX_ROWS else many)
    for line in (*notes_of(summary), *languages_without_route(summary)):
        screen.print(line)
    if progress.rounds:
        screen.print(language_table(progress).to_rich())
        screen.print(Headline(progress).sentence)
    for table in direction_tables(summary):
        screen.print(table.to_rich())
    for entry in summary.rounds:
        if pairs := entry.pairs:
            dropped = ", ".join(f"{n} {why}" for why, n in sorted(pairs.dropped.items()))
            screen.print(
                f"round {entry.round}: {pairs.kept} pairs ({pairs.types or 'no types'}); "
                f"dropped: {dropped or 0}"
            )
    if summary.stopped:
        screen.print(f"Stopped: {summary.stopped}.")
    print_path("report", run.report)
    has_policy = any(run.folder.glob("round-*/train/policy"))
    print_next(
        *([f'isoglot try {run.folder} "a prompt"'] if has_policy else []),
        f"isoglot push {run.folder} --what {'policy' if has_policy else 'results'} --dry-run DIR",
    )
