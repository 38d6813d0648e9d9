"""The verb that writes what others read: results of a measurement, the data of a run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from isoglot.core.errors import InputError


def export_command(
    folder: Annotated[Path, typer.Argument(help="A folder of `evaluate`, `judge` or `run`.")],
    path: Annotated[
        Path, typer.Argument(help="The file to write; of messages and preferences the folder.")
    ],
    kind: Annotated[
        Literal["csv", "latex", "markdown", "lm-eval", "messages", "preferences"],
        typer.Option(
            "--as",
            help="lm-eval is the JSON that its tools read; messages and preferences are the data "
            "that a run made, a configuration per language, with a data card.",
        ),
    ] = "csv",
    licence: Annotated[
        str | None,
        typer.Option(help="Of messages and preferences: cc-by-4.0 … as the hub writes it."),
    ] = None,
    round: Annotated[
        int | None, typer.Option(min=0, help="Of messages and preferences; default: the last.")
    ] = None,
) -> None:
    """Write results for a paper, a spreadsheet or another tool; or a run's data for others.

    Example: isoglot export runs/evaluate-mine table.tex --as latex

    Example: isoglot export runs/mine data-set --as messages --licence cc-by-4.0
    """
    from isoglot.report.export.dataset import export_dataset
    from isoglot.report.export.formats import export_results

    if kind == "messages" or kind == "preferences":
        print(f"{kind}: {export_dataset(folder, kind, path, licence=licence, round=round)}")
        return
    if licence is not None or round is not None:
        raise InputError(f"--licence and --round go with --as messages or preferences, not {kind}")
    print(f"{kind}: {export_results(folder, kind, path)}")
