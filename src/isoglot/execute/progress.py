"""The progress of a stage: a live bar on a terminal, a line a minute in a log.

The time left is the time since work began, scaled by what is still to do. What an earlier run had
made, and the loading of the model, do not count as work; before the first row is done, the time
left is not known and not shown.
"""

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from isoglot.core.languages import LANGUAGES
from isoglot.core.text import printable
from isoglot.core.verbosity import Verbosity, verbosity

if TYPE_CHECKING:
    from rich.progress import Progress

LOADING = "loading the model"
_LINE_SECONDS = {Verbosity.NORMAL: 60.0, Verbosity.VERBOSE: 10.0}


class Bar:
    """The progress of one stage; it is called as a `Tick`."""

    def __init__(
        self, description: str, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.description = description
        self.total = total
        self.done: float = 0
        self.num_tokens = 0
        self.note = ""
        """A word on what happens before any work is done, such as loading the model."""
        self.language = ""
        self._clock = clock
        self._begun_at = self._started_at = clock()
        self._done_at_start: float = 0
        self._ended_at: float | None = None

    def __call__(self, num: int, language: str, num_tokens: int = 0) -> None:
        """Add `num` that are done, the latest in this language, and the tokens written for them."""
        self.count(num_tokens)
        self.reach(self.done + num, language)

    def reach(self, num: float, language: str = "") -> None:
        """Set the number done to `num`, ticks included."""
        self._start()
        self.done = min(num, self.total)
        known = LANGUAGES.get(language)
        self.language = f"{language} {known.english_name}" if known else language or self.language
        if self.done >= self.total:
            self._ended_at = self._ended_at or self._clock()

    def count(self, num_tokens: int) -> None:
        """Add tokens."""
        self.num_tokens += num_tokens

    def skip(self, num: float) -> None:
        """Set the number done to `num`, made by an earlier run."""
        self.done = self._done_at_start = min(num, self.total)

    def loading(self) -> None:
        """Show that the model is being loaded, until the next tick or mark."""
        self.note = LOADING

    @property
    def seconds(self) -> float:
        """Seconds since the bar was made, or that it took."""
        return (self._ended_at or self._clock()) - self._begun_at

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at the speed so far; None while there is none."""
        num = self.done - self._done_at_start
        if self.note or num <= 0:
            return None
        return (self._clock() - self._started_at) / num * (self.total - self.done)

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written in each second of work; None if none are counted."""
        seconds = (self._ended_at or self._clock()) - self._started_at
        return self.num_tokens / seconds if self.num_tokens and seconds > 0 else None

    def __str__(self) -> str:
        """Return the state in one line, the most important first."""
        if self.note:
            return f"{self.note}, {duration(self.seconds)}"
        left = self.seconds_left
        parts = [duration(self.seconds)]
        if left is not None and self.done < self.total:
            parts.append(f"{duration(left)} left")
        if (speed := self.tokens_per_second) is not None:
            parts.append(f"{self.num_tokens:,} tokens, {speed:,.0f}/s")
        count = f"{self.done:.{int(self.done % 1 > 0)}f}/{self.total}"
        return " ".join([count, ", ".join(parts), self.language]).rstrip()

    def _start(self) -> None:
        """Start the clock of the work once the model is loaded."""
        if self.note:
            self.note = ""
            self._started_at = self._clock()


class Bars:
    """The bars of a `with` block: live ones on a terminal, a line a minute elsewhere."""

    def __init__(
        self,
        *,
        silent: bool = False,
        stream: TextIO | None = None,
        seconds_between_lines: float | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        level = verbosity()
        self._silent = silent or level == Verbosity.QUIET
        self._live = _live_bars(self._stream) if self._is_live else None
        self._seconds = seconds_between_lines or _LINE_SECONDS.get(level, 60.0)
        self._bars: list[Bar] = []
        self._over = threading.Event()
        self._lines = threading.Thread(target=self._write_lines, daemon=True)

    @property
    def _is_live(self) -> bool:
        return not self._silent and self._stream.isatty()

    def __enter__(self) -> "Bars":
        if self._live is not None:
            self._live.start()
        elif not self._silent:
            self._lines.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif not self._silent:
            self._over.set()
            self._lines.join()
            for bar in self._bars:
                self._write(bar)

    def bar(self, description: str, total: int) -> Bar:
        """Add a bar; `total` is in the unit of its ticks, such as prompts."""
        bar = Bar(description, total)
        self._bars.append(bar)
        if self._live is not None:
            self._live.add_task("", total=None, bar=bar)
        return bar

    def _write_lines(self) -> None:
        """Write a line for the bar at work, whether or not it moves."""
        while not self._over.wait(self._seconds):
            for bar in self._bars[-1:]:
                self._write(bar)

    def _write(self, bar: Bar) -> None:
        print(f"{bar.description} {bar}", file=self._stream, flush=True)


class TrainingBars:
    """The bars of a training, one for each phase; it is called as an `OnStep` of `train/`."""

    def __init__(self, bars: Bars, title: str) -> None:
        self._bars = bars
        self._title = title
        self._phase = ""
        self._bar = bars.bar(title, 0)
        self._bar.loading()

    def __call__(self, step: float, total: int, num_tokens: int = 0, phase: str = "") -> None:
        """Set the bar of the phase to `step`; that of its first call was made by an earlier run."""
        if not self._bar.total or phase != self._phase:
            if self._bar.total:
                self._bar = self._bars.bar(self._title, 0)
            self._phase = phase
            self._bar.description = f"{self._title} · {phase}" if phase else self._title
            self._bar.total = total
            self._bar.skip(step)
        self._bar.count(num_tokens)
        self._bar.reach(step)


def duration(seconds: float) -> str:
    """Write a time as 0:05, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _live_bars(stream: TextIO) -> "Progress":
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, Task
    from rich.progress_bar import ProgressBar
    from rich.table import Column
    from rich.text import Text

    class Share(ProgressColumn):
        """The share that is done; it pulses while nothing is."""

        def render(self, task: Task) -> Any:
            bar: Bar = task.fields["bar"]
            return ProgressBar(bar.total, bar.done, width=16, pulse=bool(bar.note))

    class State(ProgressColumn):
        """The state of the bar at this moment."""

        def render(self, task: Task) -> Any:
            return Text(printable(str(task.fields["bar"])), no_wrap=True, overflow="ellipsis")

    class Title(ProgressColumn):
        def render(self, task: Task) -> Any:
            return Text(printable(task.fields["bar"].description), no_wrap=True)

    columns = Title(), Share(), State(table_column=Column(ratio=1, no_wrap=True))
    return Progress(*columns, console=Console(file=stream), expand=True)
