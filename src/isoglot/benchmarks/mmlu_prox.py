"""MMLU-ProX-Lite: harder questions with up to ten options, in 29 languages.

Xuan et al. 2025, arXiv:2503.10497, after MMLU-Pro (Wang et al. 2024, arXiv:2406.01574). 658 test
questions, parallel by `question_id`, and 70 worked examples, five for each of 14 categories, shown
without their reasoning.
"""

from isoglot.benchmarks.item_columns import Columns, lettered_set

MMLU_PROX_LITE = lettered_set(
    "mmlu_prox_lite",
    Columns(
        key=("question_id",),
        options=tuple(f"option_{number}" for number in range(10)),
        subject="category",
    ),
    fewest=2,
)
