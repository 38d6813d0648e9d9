r"""Two writings of one mathematical object are equal, others are not, and nothing hangs or runs."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.latex import last_box, last_formula
from isoglot.evals.latex import grade_latex

fractions = st.tuples(st.integers(-99, 99), st.integers(1, 99))


@given(fractions, st.sampled_from([r"\frac", r"\dfrac", r"\tfrac"]), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_a_fraction_in_any_writing_is_equal_and_another_is_not(fraction, command, factor):
    top, bottom = fraction
    gold = rf"\frac{{{top}}}{{{bottom}}}"
    assert grade_latex(rf"\boxed {{{command}{{{factor * top}}}{{{factor * bottom}}}}}", gold) == 1.0
    assert grade_latex(rf"$\boxed{{{command}{{{top + bottom}}}{{{bottom}}}}}$", gold) == 0.0


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        (r"\frac{3\sqrt2}{4}", r"Also ist \(\boxed{\dfrac{3\sqrt{2}}{4}}\).", 1),
        (r"(-\infty,2)\cup(3,\infty)", r"\boxed{(3, \infty) \cup (-\infty, 2)}", 1),
        ("[2,5)", r"\boxed{[2, 5)}", 1),
        ("[2,5)", r"\boxed{(2, 5)}", 0),
        ("1,-2", r"\boxed{-2, 1}", 1),
        ("(1,-2)", r"\boxed{(-2,1)}", 0),
        ("$x^2+2x+1$", r"\[\boxed{(x+1)^2}\]", 1),
        (r"\text{Evelyn}", r"\boxed{\text{evelyn}}", 1),
        (r"90^\circ", r"\boxed{90}", 1),
        ("5", r"\boxed{x = 5}", 1),
        (r"2^{100}", r"\boxed{2^{100}}", 1),
        ("12", r"答案是\boxed{１２\text{ cm}^2}", 1),
        ("25", r"$\boxed{২৫\%}$", 1),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\boxed{\begin{bmatrix}1&2\\3&4\end{bmatrix}}",
            1,
        ),
        ("18", r"First $x = 17$, so the result is $18$.", 1),
        ("18", "3 + 15\n18", 1),
        ("18", r"\boxed{17}, no: \boxed{18}", 1),
        ("18", "I do not know.", 0),
        ("18", "", 0),
    ],
)
def test_gold_pairs(gold, text, value):
    assert grade_latex(text, gold) == value


@pytest.mark.parametrize("gold", ["", " ", "$$"])
def test_an_empty_gold_is_refused(gold):
    with pytest.raises(ValueError, match="expected LaTeX or a number, came nothing"):
        grade_latex("18", gold)


@pytest.mark.slow
@pytest.mark.parametrize("endless", ["9^{9^{9^{9}}}+x", r"\sum_{n=1}^{99999999} \frac{1}{n!+n}"])
def test_what_never_ends_has_no_grade_in_any_thread_and_the_next_one_has(endless):
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        grades = threads.map(grade_latex, [rf"\boxed{{{endless}}}", r"\boxed{\frac{6}{2}}"], "73")
        assert next(grades) != 1.0
        assert next(grades) == 1.0
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "hostile",
    [
        "__import__('os').system('touch PATH')",
        "open('PATH', 'w')",
        r"\text{__import__('pathlib').Path('PATH').touch()}",
        r"\operatorname{open}('PATH', 'w')",
        r"\write18{touch PATH}",
        r"\input{PATH}",
    ],
)
def test_an_answer_is_never_run(hostile, tmp_path: Path):
    path = tmp_path / "ran"
    assert grade_latex(rf"\boxed{{{hostile.replace('PATH', str(path))}}}", "7") != 1.0
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "box", "formula"),
    [
        (r"\boxed{1} \boxed{\frac{1}{\{2\}}} x", r"\frac{1}{\{2\}}", None),
        (r"\boxed {7", "7", None),
        ("\\boxed{7\nand more", "7", None),
        (r"$\boxed 7$", "7", r"\boxed 7"),
        (r"\fbox{7}", "7", None),
        ("It costs $5 and $6.", None, None),
        (r"$a$, $$b$$, \(c\) and \[d\]", None, "d"),
        ("none", None, None),
    ],
)
def test_boxes_and_formulas(text, box, formula):
    assert (last_box(text), last_formula(text)) == (box, formula)
