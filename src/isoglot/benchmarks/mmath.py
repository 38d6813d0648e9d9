"""MMATH: 374 problems of AIME, CNMO and MATH-500 in 10 languages.

Luo et al. 2025, arXiv:2505.19126; github.com/RUCAIBox/MMATH. Parallel by `gid`. Its own figure is
the mean over the four sources, each of which has an accuracy here.
"""

from collections.abc import Mapping

from isoglot.benchmarks.benchmark import ReadSplit
from isoglot.benchmarks.choices import named
from isoglot.benchmarks.latex_answers import latex_benchmark
from isoglot.benchmarks.rows import cell
from isoglot.core.rows import Row

_SOURCES = {name: name.lower() for name in ("AIME2024", "AIME2025", "CNMO", "MATH500")}


def _rows_of(rows: ReadSplit) -> Mapping[str, tuple[str, Row]]:
    return {
        str(cell(row, "gid")): (named(cell(row, "data_source"), _SOURCES, "data_source", row), row)
        for row in rows("test")
    }


MMATH = latex_benchmark("mmath", tuple(_SOURCES.values()), _rows_of)
