"""The verb that tries a run by hand: try."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from unicodedata import category

import typer

from isoglot.commands.options import console, listed
from isoglot.core.languages import LANGUAGES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from isoglot.core.protocols import Sampling
    from isoglot.line.trying import PolicyAnswer, Trial

_MIN_COLUMN_CHARS = 34
"""Narrower columns are put one below the other."""


def try_command(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; without one, prompts are read line by line.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the prompt; default: it is identified.")
    ] = None,
    policies: Annotated[
        str, typer.Option(help="Policies, separated by commas (M0,M2); default: all.")
    ] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy decoding.")] = 0.0,
) -> None:
    """Show the answers of M0, M1, M2 … to a prompt side by side, each with its language.

    Example: isoglot try runs/mine "Habari za asubuhi?" --language sw
    """
    from isoglot.core.protocols import Sampling
    from isoglot.line.trying import Trial

    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature)
    with Trial(run, listed(policies)) as trial:
        if prompt is not None:
            _answer(trial, prompt, sampling, language)
            return
        for line in _lines():
            _answer(trial, line, sampling, language)


def _lines() -> Iterator[str]:
    """Yield the lines that are typed, or piped, until their end or an empty one."""
    is_typed = sys.stdin.isatty()
    while True:
        if is_typed:
            print("> ", end="", flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line


def _answer(trial: "Trial", prompt: str, sampling: "Sampling", language: str | None) -> None:
    screen = console()
    waiting = screen.status("answering") if screen.is_terminal else nullcontext()
    with waiting:
        answers = list(trial.answers(prompt, sampling, language))
    screen.print(_side_by_side(answers, screen.width))


def _side_by_side(answers: "Sequence[PolicyAnswer]", width: int) -> "RenderableType":
    """The answers in columns, or one below the other where the terminal is narrow."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    panels = [
        Panel(
            Text(_shown(each.sampled.text) or "(no answer)"),
            title=Text(_title(each)),
            title_align="left",
            border_style="red" if each.is_off_target else "none",
            expand=True,
        )
        for each in answers
    ]
    if width < _MIN_COLUMN_CHARS * len(panels):
        return Group(*panels)
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return grid


def _shown(text: str) -> str:
    """A model's text without what a terminal would obey."""
    unknown = "\N{REPLACEMENT CHARACTER}"
    return "".join(c if c in "\n\t" or category(c) != "Cc" else unknown for c in text)


def _title(answer: "PolicyAnswer") -> str:
    """The policy, the language of its answer, and whether it is another than the prompt's."""
    known = LANGUAGES.get(answer.identified or "")
    name = f"{known.tag} {known.english_name}" if known else "language unsure"
    faults = [f"not {answer.wanted}"] if answer.is_off_target else []
    faults += ["cut off"] if answer.sampled.finish_reason == "length" else []
    return " · ".join([answer.policy, name, *faults])
