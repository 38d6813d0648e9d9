"""MSVAMP: 1,000 out-of-domain word problems in 10 languages (Chen et al. 2023, arXiv:2310.20246).

No worked examples are published with it; shots are read from a file of the user's own.
"""

from isoglot.benchmarks.maths import maths_benchmark

MSVAMP = maths_benchmark(
    "msvamp",
    # `query` is the English problem in the rows of every language.
    problem=lambda tag: ("m_query", "query") if tag == "en" else ("m_query",),
    answer=("response",),
)
