"""The progress of a stage, with its language: a bar on a terminal, a few lines in a log."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from isoglot.core.languages import LANGUAGES

if TYPE_CHECKING:
    from rich.progress import Progress

_STEP = 0.1  # share of the work between two plain lines


class Bar:
    """The progress of one stage; it is called as a `Tick`."""

    def __init__(self, total: int, show: Callable[[int, str], None]) -> None:
        self.total = total
        self.done = 0
        self._show = show

    def __call__(self, num: int, language: str) -> None:
        """Add `num` that are done, the latest in this language."""
        self.reach(self.done + num, language)

    def reach(self, num: int, language: str = "") -> None:
        """Set the number done to `num`, ticks included."""
        self.done = min(num, self.total)
        known = LANGUAGES.get(language)
        self._show(self.done, f"{language} {known.english_name}" if known else language)


class Bars:
    """The bars of a `with` block: live ones on a terminal, plain lines elsewhere."""

    def __init__(self, *, silent: bool = False, stream: TextIO | None = None) -> None:
        self._silent = silent
        self._stream = stream or sys.stderr
        self._live = None if silent or not self._stream.isatty() else _live_bars(self._stream)

    def __enter__(self) -> "Bars":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def bar(self, description: str, total: int) -> Bar:
        """Add a bar; `total` is in the unit of its ticks, such as prompts."""
        if self._silent:
            return Bar(total, lambda done, language: None)  # noqa: ARG005
        if self._live is None:
            return Bar(total, _plain_lines(description, total, self._stream))
        live = self._live
        task = live.add_task(description, total=total, language="")

        def show(done: int, language: str) -> None:
            latest: dict[str, Any] = {"language": language} if language else {}
            live.update(task, completed=done, **latest)

        return Bar(total, show)


def _live_bars(stream: TextIO) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[language]}"),
        console=Console(file=stream),
    )


def _plain_lines(description: str, total: int, stream: TextIO) -> Callable[[int, str], None]:
    steps_shown = 0

    def show(done: int, language: str) -> None:
        nonlocal steps_shown
        steps = int(done / (total * _STEP)) if total else 0
        if steps > steps_shown:
            steps_shown = steps
            print(f"{description} {done}/{total} {language}".rstrip(), file=stream, flush=True)

    return show
