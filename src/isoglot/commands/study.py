"""The verb that runs grids of recipes."""

from pathlib import Path
from typing import Annotated

import typer

from isoglot.commands.options import Redo, console, print_next, print_path


def study_command(
    study: Annotated[
        str,
        typer.Argument(
            help="A .yaml file with a grid and its findings, or methods-lab, rlhf-lab, xllms-lab."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The folder of the study; default: runs/NAME.")
    ] = None,
    num_processes: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    redo: Redo = False,
) -> None:
    """Run a grid of recipes and seeds; the same command resumes.

    Prints the win rates against M0, the findings and the costs. A failed run does not stop the
    others, but makes the exit code 1.

    Example: isoglot study rlhf-lab --num-processes 2
    """
    from isoglot.report.pages.study import write_study_report
    from isoglot.report.pages.study_rates import study_tables
    from isoglot.study.study import run_study

    results, folder = run_study(study, out, num_processes=num_processes, redo=redo)
    screen = console()
    for table in study_tables(results):
        screen.print(table.to_rich())
    print_path("report", write_study_report(folder))
    if results.failures:
        print_next(f"isoglot study {study} --out {folder}")
        raise typer.Exit(1)
