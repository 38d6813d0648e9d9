"""The command line: one sub-command per verb. Exit codes: 0 done, 2 bad input, 1 failed."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoglot.commands.export import export
from isoglot.commands.lab import lab
from isoglot.commands.languages import languages
from isoglot.commands.measure import (
    Redo,
    benchmarks,
    compare,
    evaluate,
    judge,
    rewards,
)
from isoglot.commands.rankings import import_rankings
from isoglot.commands.train import train
from isoglot.core.errors import Failure

if TYPE_CHECKING:
    from rich.console import Console

    from isoglot.report.results.summary import RunSummary

_INTERRUPTED = 130
"""The exit code that typer gives to Ctrl-C."""

MOST_ROWS = 40
"""Longer tables than that are left to the page."""

app = typer.Typer(
    name="isoglot",
    help="Make a language model as good in every language as it is in its best one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(lab, name="lab", no_args_is_help=True)
app.add_typer(train, name="train", no_args_is_help=True)

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Recipe keys, such as seed=2 or prompts.num_families=500."
    ),
]

QUICK = (
    "name=lidr-lab-quick",
    "rounds=1",
    "prompts.num_families=250",
    "evaluate.tasks.0.num_families=100",
    "evaluate.tasks.1.num_families=50",
    "evaluate.validation.num_families=60",
)
"""What `demo --quick` changes: one round, a quarter of the prompts."""


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of every error, also of bad input.")
    ] = False,
) -> None:
    context.ensure_object(dict)["debug"] = debug


@app.command()
def demo(
    overrides: Overrides = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round, under 90 seconds.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The run's folder.")] = Path("runs/demo"),
    redo: Redo = False,
) -> None:
    """Take the lab's policy from M0 to M2 by Language Imbalance Driven Rewarding.

    A real 1 M parameter model, real sentences in twelve languages, a few minutes on two CPU cores.

    Example: isoglot demo --quick --out runs/first seed=2
    """
    _run("lidr-lab", [*(QUICK if quick else ()), *(overrides or ())], out, redo)


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A .yaml file, or a name that `recipes` lists.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; default: runs/NAME.")] = None,
    redo: Redo = False,
) -> None:
    """Run a recipe; the same command again goes on where it stopped.

    Example: isoglot run lidr --out runs/llama3 policy.path=/models/Meta-Llama-3-8B-Instruct
    """
    _run(recipe, overrides or [], out, redo)


@app.command()
def study(
    study: Annotated[
        str,
        typer.Argument(
            help="A .yaml file with a grid and its questions, or a name: rlhf-lab, xllms-lab."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The study's folder; default: runs/NAME.")
    ] = None,
    num_processes: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    redo: Redo = False,
) -> None:
    """Run a grid of recipes and seeds; the same command again goes on where it stopped.

    Prints win-rates against M0, the answers to the study's claims and the costs; a run that fails
    stops no other, and the exit code is then 1.

    Example: isoglot study rlhf-lab --num-processes 2
    """
    from isoglot.report.pages.study import write_study_report
    from isoglot.report.pages.study_rates import study_tables
    from isoglot.study.study import run_study

    results, folder = run_study(study, out, num_processes=num_processes, redo=redo)
    console = _console()
    for table in study_tables(results):
        console.print(table.to_rich())
    console.print(f"report: {write_study_report(folder)}", soft_wrap=True)
    if results.failures:
        raise typer.Exit(1)


@app.command()
def plan(
    recipe: Annotated[str, typer.Argument(help="A .yaml file, or a name that `recipes` lists.")],
    overrides: Overrides = None,
    throughput: Annotated[
        Path | None, typer.Option(help="TOML with rows to put over the table of the package.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="One of the table: h100, a100, cpu; default: by the models.")
    ] = None,
    usd_per_hour: Annotated[
        float | None, typer.Option(min=0, help="What one device costs an hour.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
) -> None:
    """Count what a recipe will generate, train and cost, before anything runs.

    Example: isoglot plan lidr --usd-per-hour 2.5 prompts.num_families=2000
    """
    from isoglot.planning.plan import plan_of
    from isoglot.recipe.recipe import load_recipe
    from isoglot.report.pages.plan import assumed_lines, plan_json, plan_table, totals_line

    found = plan_of(
        load_recipe(recipe, overrides or []),
        throughput=throughput,
        device=device,
        usd_per_hour=usd_per_hour,
    )
    if json:
        print(plan_json(found))
        return
    console = _console()
    console.print(plan_table(found).to_rich())
    console.print(totals_line(found))
    for line in assumed_lines(found):
        console.print(f"· {line}", markup=False)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run's folder.")]) -> None:
    """Write RUN/report.html again and print the table."""
    from isoglot.report.results.summary import RunSummary

    _show(RunSummary.read_from(run), run)


@app.command()
def audit(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
) -> None:
    """Print how often each model answers in another language than asked."""
    from isoglot.report.pages.audit import audit_table
    from isoglot.report.results.summary import RunSummary

    _console().print(audit_table(RunSummary.read_from(run)).to_rich())


app.command("import-rankings")(import_rankings)
for verb in (evaluate, benchmarks, languages, judge, rewards, compare, export):
    app.command()(verb)


@app.command()
def recipes() -> None:
    """List the recipes in the package."""
    from rich.table import Table

    from isoglot.recipe.recipe import load_recipe, recipe_names

    table = Table("recipe", "languages", "what it does")
    for name in recipe_names():
        recipe = load_recipe(name)
        table.add_row(name, " ".join(recipe.languages), recipe.description)
    _console().print(table)


@app.command()
def env() -> None:
    """Print versions and machine, for a bug report."""
    from isoglot.core.environment import machine, versions

    for name, value in {**versions(), **machine()}.items():
        print(f"{name:14} {value}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default of this process.

    Bad input and a failed run end in one line; a bug keeps its traceback.
    """
    options = {"debug": False}
    try:
        app(arguments, obj=options)
    except SystemExit as ending:
        if ending.code != _INTERRUPTED:
            raise
        _fail("interrupted; the same command goes on from here", 1)
    except Exception as error:  # noqa: BLE001 - the last one to hear of it
        failure = Failure.of(error)
        if failure.kind == "bug" or options["debug"]:
            traceback.print_exc()
        bug = (
            "this is a bug of isoglot, not of your input: please report it to its maintainers "
            "with the traceback above and what `isoglot env` prints"
        )
        _fail(bug if failure.kind == "bug" else failure.message, failure.exit_code)


def _fail(message: str, code: int) -> None:
    print(f"isoglot: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _run(recipe_name: str, overrides: list[str], out: Path | None, redo: bool) -> None:
    from isoglot.line.pipeline import run as run_recipe
    from isoglot.recipe.recipe import load_recipe

    recipe = load_recipe(recipe_name, overrides)
    folder = out or Path("runs") / recipe.name
    _show(run_recipe(recipe, folder, redo=redo), folder)


def _show(summary: "RunSummary", folder: Path) -> None:
    from isoglot.report.pages.audit import audit_table
    from isoglot.report.pages.headline import Headline
    from isoglot.report.pages.run import write_report
    from isoglot.report.pages.run_data import empty_languages
    from isoglot.report.pages.run_results import direction_tables, language_table
    from isoglot.report.pages.run_routes import data_tables, languages_without_route
    from isoglot.report.results.progress import Progress

    console, progress = _console(), Progress(summary)
    if summary.audit:
        console.print(audit_table(summary).to_rich())
    for table in data_tables(summary):
        many = f"{table.title}: {len(table.rows)} rows, all on the page"
        console.print(table.to_rich() if len(table.rows) <= MOST_ROWS else many)
    for line in (*languages_without_route(summary), *empty_languages(summary)):
        console.print(line, markup=False)
    if progress.rounds:
        console.print(language_table(progress).to_rich())
        console.print(Headline(progress).sentence)
    for table in direction_tables(summary):
        console.print(table.to_rich())
    for entry in summary.rounds:
        if pairs := entry.pairs:
            dropped = ", ".join(f"{n} {why}" for why, n in sorted(pairs.dropped.items()))
            console.print(
                f"round {entry.round}: {pairs.kept} pairs ({pairs.types or 'no types'}); "
                f"dropped: {dropped or 0}"
            )
    if summary.stopped:
        console.print(f"Stopped: {summary.stopped}.")
    console.print(f"report: {write_report(folder)}", soft_wrap=True)


def _console() -> "Console":
    from rich.console import Console

    return Console()
