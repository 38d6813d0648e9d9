"""Options and output that several verbs share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

Redo = Annotated[
    bool, typer.Option(help="Make again what was made with other settings, instead of refusing.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Recipe keys, such as seed=2 or prompts.num_families=500."
    ),
]
RecipeName = Annotated[str, typer.Argument(help="A .yaml file, or a name that `recipes` lists.")]
Languages = Annotated[
    str,
    typer.Option(help="Tags and sets (`languages --sets`), separated by commas; default: all."),
]
Seed = Annotated[int, typer.Option(help="Seed of the selected examples and of the intervals.")]
SetsData = Annotated[Path | None, typer.Option(help="Folder of the published preference sets.")]


def console() -> "Console":
    """Return the console that tables are printed on."""
    from rich.console import Console

    return Console()


def listed(text: str) -> tuple[str, ...]:
    """Split a text at its commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def print_path(name: str, path: Path) -> None:
    """Print where a file is, in one line that can be copied."""
    console().print(f"{name}: {path}", soft_wrap=True, markup=False)
