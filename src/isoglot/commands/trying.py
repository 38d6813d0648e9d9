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
    from rich.text import Text

    from isoglot.core.protocols import Sampling
    from isoglot.line.trying import PolicyAnswer, Trial

_MIN_COLUMN_CHARS = 34
"""Narrower columns are put one below the other."""
_FOLDED_CHARS = 300
"""Longest beginning of a thought that is shown."""


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
    max_thinking_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest thought, within the answer; default: any.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy decoding.")] = 0.0,
    thoughts: Annotated[
        bool, typer.Option("--thoughts", help="Show whole thoughts, not their beginning alone.")
    ] = False,
) -> None:
    """Show the answers of M0, M1, M2 … to a prompt side by side, each with its language.

    The thought of a reasoning model stands above its answer, with its own language.

    Example: isoglot try runs/mine "Habari za asubuhi?" --language sw
    """
    from isoglot.core.protocols import Sampling
    from isoglot.line.trying import Trial

    sampling = Sampling(
        max_new_tokens=max_new_tokens,
        max_thinking_tokens=max_thinking_tokens,
        temperature=temperature,
    )
    with Trial(run, listed(policies)) as trial:
        if prompt is not None:
            _answer(trial, prompt, sampling, language, thoughts)
            return
        for line in _lines():
            _answer(trial, line, sampling, language, thoughts)


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


def _answer(
    trial: "Trial", prompt: str, sampling: "Sampling", language: str | None, thoughts: bool
) -> None:
    screen = console()
    waiting = screen.status("answering") if screen.is_terminal else nullcontext()
    with waiting:
        answers = list(trial.answers(prompt, sampling, language))
    screen.print(_side_by_side(answers, screen.width, thoughts=thoughts))


def _side_by_side(
    answers: "Sequence[PolicyAnswer]", width: int, *, thoughts: bool
) -> "RenderableType":
    """The answers in columns, or one below the other where the terminal is narrow."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    panels = [
        Panel(
            _body(each, whole=thoughts),
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


def _body(answer: "PolicyAnswer", *, whole: bool) -> "Text":
    """The answer, and the thought above it, dimmed, and folded unless `whole`."""
    from rich.text import Text

    body = Text()
    if thought := _shown(answer.sampled.thought or ""):
        more = len(thought) - _FOLDED_CHARS
        if more > 0 and not whole:
            thought = f"{thought[:_FOLDED_CHARS]}… [{more} characters more: --thoughts]"
        title = _facts("thought", answer.thought_language, answer.is_thought_off_target, answer)
        body.append(f"{' · '.join(title)}\n{thought}\n\n", style="dim")
    return body.append(_shown(answer.sampled.text) or "(no answer)")


def _shown(text: str) -> str:
    """A model's text without what a terminal would obey."""
    unknown = "\N{REPLACEMENT CHARACTER}"
    return "".join(c if c in "\n\t" or category(c) != "Cc" else unknown for c in text)


def _title(answer: "PolicyAnswer") -> str:
    """The policy, the language of its answer, and whether it is another than the prompt's."""
    facts = _facts(answer.policy, answer.identified, answer.is_off_target, answer)
    return " · ".join([*facts, *["cut off"] * (answer.sampled.finish_reason == "length")])


def _facts(
    name: str, tag: str | None, is_off_target: bool | None, answer: "PolicyAnswer"
) -> list[str]:
    """The name of a text, its language, and whether it is another than the prompt's."""
    known = LANGUAGES.get(tag or "")
    language = f"{known.tag} {known.english_name}" if known else "language unsure"
    return [name, language, *[f"not {answer.wanted}"] * bool(is_off_target)]
