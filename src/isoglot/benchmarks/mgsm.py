"""MGSM: 250 grade-school problems in 11 languages (Shi et al. 2022, arXiv:2210.03057).

Published with eight worked examples in each language, whose answers end by announcing the number.
"""

from isoglot.benchmarks.maths import maths_benchmark

MGSM = maths_benchmark("mgsm", problem=lambda _: ("question",), answer=("answer_number", "answer"))
