"""The verbs of the embedded lab."""

from pathlib import Path
from typing import Annotated

import typer

from isoglot.commands.options import print_next, with_level

lab = typer.Typer(help="The embedded world: a small real model, real sentences, exact answers.")


@lab.callback()
def _group() -> None:
    """Keep `build` a verb of its own, the only one of the group."""


@lab.command("build")
@with_level
def lab_build(
    model: Annotated[
        str, typer.Argument(help="policy, hasty, teacher, english, translator or almanac.")
    ] = "policy",
    seed: Annotated[int, typer.Option(help="Seed of the data and of the weights.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model; default: runs/lab/MODEL.")
    ] = None,
) -> None:
    """Pre-train a model of the lab from scratch, at most 30 minutes on two cores.

    Those in the package are called `lab:policy`, `lab:teacher` … wherever a model is named.

    Example: isoglot lab build teacher --seed 1
    """
    from isoglot.lab.build import build

    folder = out or Path("runs/lab") / model
    build(folder, model, seed=seed)
    print(f"{model}: {folder}")
    print_next(f"isoglot evaluate {folder} --tasks lab_math")
