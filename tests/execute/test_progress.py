"""Progress: a bar on a terminal, a line a minute in a log, nothing when silent."""

import io
import re
import time

import pytest

from isoglot.core.verbosity import Verbosity, set_verbosity
from isoglot.execute.progress import Bar, Bars, TrainingBars, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_log_has_lines_while_nothing_moves():
    log = io.StringIO()
    with Bars(stream=log, seconds_between_lines=0.05) as bars:
        bar = bars.bar("round 0 · generate", total=1000)
        bar.loading()
        time.sleep(0.18)
        bar(1, "sw", 12)
    lines = log.getvalue().splitlines()
    assert len(lines) >= 3
    assert lines[0].startswith("round 0 · generate loading the model, 0:00")
    assert re.fullmatch(
        r"round 0 · generate 1/1000 0:00, \d:\d\d left, 12 tokens, [\d,]+/s sw Swahili", lines[-1]
    )


def test_a_short_stage_is_one_line_in_a_log():
    log = io.StringIO()
    with Bars(stream=log) as bars:
        bar = bars.bar("pair", total=1000)
        for _ in range(1000):
            bar(1, "sw")
    assert log.getvalue() == "pair 1000/1000 0:00 sw Swahili\n"


def test_the_time_left_scales_the_time_at_work(clock):
    bar = Bar("generate", 100, clock)
    assert bar.seconds_left is None
    bar.loading()
    clock.now += 500  # is no work
    bar(0, "")
    clock.now += 60
    assert bar.seconds_left is None, "no row is done: nothing is known"
    bar(2, "sw", 30)
    assert bar.seconds_left == pytest.approx(60 / 2 * 98)
    clock.now += 60
    assert bar.seconds_left == pytest.approx(120 / 2 * 98), "a stage that hangs takes longer"
    assert bar.tokens_per_second == pytest.approx(30 / 120)
    assert str(bar) == "2/100 10:20, 1:38:00 left, 30 tokens, 0/s sw Swahili"


def test_an_earlier_run_does_not_make_this_one_faster(clock):
    bar = Bar("generate", 100, clock)
    bar.skip(90)
    clock.now += 10
    bar(5, "en")
    assert (bar.done, bar.seconds_left) == (95, 10)


def test_the_figures_of_a_stage_that_is_done_stand_still(clock):
    bar = Bar("generate", 2, clock)
    clock.now += 10
    bar(2, "en", 100)
    clock.now += 3600
    assert str(bar) == "2/2 0:10, 100 tokens, 10/s en English"


def test_ticks_on_the_way_to_a_mark_are_not_counted_twice():
    bar = Bars(silent=True).bar("pair", total=20)
    bar(4, "en")
    bar.reach(10)
    bar(3, "de")
    assert bar.done == 13
    bar(100, "de")
    assert bar.done == 20


def test_terminal_shows_stage_and_language():
    terminal = Terminal()
    with Bars(stream=terminal) as bars:
        bar = bars.bar("translate", total=4)
        bar(3, "zh-Hans")
        bar.reach(4)
    shown = terminal.getvalue()
    assert "translate" in shown
    assert "zh-Hans Chinese (Simplified)" in shown
    assert "4/4" in shown


def test_the_bars_of_a_training_are_its_phases():
    log = io.StringIO()
    with Bars(stream=log) as bars:
        on_step = TrainingBars(bars, "train dpo")
        on_step(1, 2, 50, "reference")
        on_step(2, 2, 50, "reference")
        on_step(4, 8)  # resumed
        on_step(4.5, 8, 100)
    first, second = log.getvalue().splitlines()
    assert first.startswith("train dpo · reference 2/2 0:00, 100 tokens")
    assert second.startswith("train dpo 4.5/8 0:00, 0:00 left, 100 tokens")


def test_silent_bars_say_nothing(monkeypatch):
    for stream in (io.StringIO(), Terminal()):
        with Bars(silent=True, stream=stream) as bars:
            bars.bar("score", total=1)(1, "en")
        assert stream.getvalue() == ""
    monkeypatch.setenv("ISOGLOT_VERBOSITY", "normal")  # restored after the test
    set_verbosity(Verbosity.QUIET)
    log = io.StringIO()
    with Bars(stream=log) as bars:
        bars.bar("score", total=1)(1, "en")
    assert log.getvalue() == ""


def test_nothing_to_do_is_no_error():
    with Bars(stream=io.StringIO()) as bars:
        bars.bar("score", total=0).reach(0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3600, "1:00:00"), (3723, "1:02:03")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
