"""Competition problems whose answers are LaTeX, asked for in a box (MMATH, PolyMath).

The prompts are the published ones: a problem, then the request for a box in its language, which
`boxed.toml` has.
"""

from collections.abc import Callable, Mapping, Sequence

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.conversations import build_example
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.core.rows import Row
from isoglot.evals.grading import grader_metric
from isoglot.evals.metric import Metric, on_facet

LATEX_ACCURACY = grader_metric("accuracy", "latex")
"""Share of answers equal to the gold as mathematics."""

_MAX_NEW_TOKENS = 4096  # a solution of a competition problem is long


def latex_benchmark(
    name: str,
    facets: Sequence[str],
    rows_of: Callable[[ReadSplit], Mapping[str, tuple[str, Row]]],
    *metrics: Metric,
) -> Benchmark:
    """Build a benchmark of problems with an accuracy for each facet.

    `rows_of` maps a key, equal in all languages, to the facet of a problem and its row.
    """

    def read(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
        return [
            build_example(
                f"{text_cell(row, 'question')}\n{literals('boxed')[tag][name]}",
                language=tag,
                family=f"{name}-{key}",
                gold=str(cell(row, "answer")),
                source=f"{name}/{facet}",
            )
            for key, (facet, row) in rows_of(rows).items()
        ]

    by_facet = [on_facet(LATEX_ACCURACY, facet) for facet in facets]
    every = (LATEX_ACCURACY, *metrics, *by_facet)
    return Benchmark(name, read, every, max_new_tokens=_MAX_NEW_TOKENS)
