"""Options and output that several verbs share."""

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.core.errors import InputError
from isoglot.core.text import printable
from isoglot.core.verbosity import Verbosity, set_verbosity, verbosity

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

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only, no progress.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show the libraries' notices, and progress more often."),
]


def set_level(quiet: bool, verbose: bool) -> None:
    """Set the verbosity, if one of the options is given.

    Raises:
        InputError: both are.
    """
    if quiet and verbose:
        raise InputError("expected --quiet or --verbose, got both; give one")
    if quiet or verbose:
        set_verbosity(Verbosity.QUIET if quiet else Verbosity.VERBOSE)


def with_level(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes `-q` and `-v` too."""

    @wraps(command)
    def levelled(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        set_level(quiet, verbose)
        command(*arguments, **options)

    own = {"quiet": Quiet, "verbose": Verbose}
    signature = inspect.signature(command)
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in own.items()
    ]
    parameters = [*signature.parameters.values(), *named]
    levelled.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    levelled.__annotations__ = {**command.__annotations__, **own}
    return levelled


def hide_option(command: Callable[..., None], name: str) -> None:
    """Take an option, which then has its default, out of what the command line reads."""
    signature = inspect.signature(command)
    parameters = [each for each in signature.parameters.values() if each.name != name]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]


def console() -> "Console":
    """Return the console that tables are printed on, on which no text of a model acts."""
    from rich.console import Console

    class Screen(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            shown = [printable(each) if isinstance(each, str) else each for each in objects]
            super().print(*shown, **options)

    return Screen(markup=False, emoji=False)


def listed(text: str) -> tuple[str, ...]:
    """Split a text at its commas; raise InputError for nothing between two of them."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if "" in parts:
        raise InputError(f"expected names with commas between them, came {text!r}; mend the list")
    return tuple(parts)


def print_next(*commands: str) -> None:
    """Print what to type next, a command a line; beside the results, which may go into a pipe."""
    if verbosity() == Verbosity.QUIET:
        return
    for command in commands:
        print(f"next: {command}", file=sys.stderr)


def print_path(name: str, path: Path) -> None:
    """Print where a file is, in one line that can be copied."""
    console().print(f"{name}: {path}", soft_wrap=True)
