"""AfriMGSM: MGSM's 250 problems in 16 African languages, English and French.

Adelani et al. 2024 (IrokoBench), arXiv:2406.03368. Published with eight worked examples in each
language. Vai, which no row of the table of languages has, is left out.
"""

from isoglot.benchmarks.maths import maths_benchmark

AFRIMGSM = maths_benchmark(
    "afrimgsm", problem=lambda _: ("question",), answer=("answer_number", "answer")
)
