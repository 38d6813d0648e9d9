"""Progress: a bar on a terminal, a few lines in a log, nothing when silent."""

import io

from isoglot.execute.progress import Bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_log_has_about_ten_lines_with_the_language():
    log = io.StringIO()
    with Bars(stream=log) as bars:
        bar = bars.bar("generate", total=1000)
        for _ in range(1000):
            bar(1, "sw")
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "generate 100/1000 sw Swahili"
    assert lines[-1] == "generate 1000/1000 sw Swahili"


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


def test_silent_bars_say_nothing():
    for stream in (io.StringIO(), Terminal()):
        with Bars(silent=True, stream=stream) as bars:
            bars.bar("score", total=1)(1, "en")
        assert stream.getvalue() == ""


def test_nothing_to_do_is_no_error():
    with Bars(stream=io.StringIO()) as bars:
        bars.bar("score", total=0).reach(0)
