"""The verb that exports results, and the data of a run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from isoglot.commands.options import print_next
from isoglot.core.errors import InputError
from isoglot.report.export.tools import Tool


def export_command(
    folder: Annotated[Path, typer.Argument(help="A folder of `evaluate`, `judge` or `run`.")],
    path: Annotated[
        Path, typer.Argument(help="The file to write; for messages and preferences, the folder.")
    ],
    kind: Annotated[
        Literal["csv", "latex", "markdown", "lm-eval", "messages", "preferences"],
        typer.Option(
            "--as",
            help="lm-eval: the JSON of lm-eval; messages and preferences: the data of a run, in a "
            "configuration per language, with a data card.",
        ),
    ] = "csv",
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of messages and preferences, as the hub names it: cc-by-4.0 …"),
    ] = None,
    round: Annotated[
        int | None,
        typer.Option(min=0, help="Round of messages and preferences; default: all."),
    ] = None,
    tools: Annotated[
        list[Tool] | None,
        typer.Option(
            "--for", help="Also in the form of another trainer, once each.", show_default=False
        ),
    ] = None,
) -> None:
    """Export results for a paper, a spreadsheet or another tool; or the data of a run.

    Example: isoglot export runs/evaluate-mine table.tex --as latex

    Example: isoglot export runs/mine data-set --as messages --licence cc-by-4.0
    """
    from isoglot.report.export.dataset import export_dataset
    from isoglot.report.export.formats import export_results

    if kind == "messages" or kind == "preferences":
        out = export_dataset(
            folder, kind, path, licence=licence, round=round, tools=list(dict.fromkeys(tools or ()))
        )
        print(f"{kind}: {out}")
        is_pairs = kind == "preferences"
        print_next(
            f"isoglot push {folder} --what preferences --to OWNER/NAME"
            if is_pairs
            else f"isoglot train sft {out}/*/train.parquet --model M"
        )
        return
    if licence is not None or round is not None or tools:
        raise InputError(
            f"--licence, --round and --for go with --as messages or preferences, not {kind}"
        )
    print(f"{kind}: {export_results(folder, kind, path)}")
