"""MMMLU: MMLU's 14,042 questions, translated by professionals into 14 languages (OpenAI 2024).

huggingface.co/datasets/openai/MMMLU. Parallel by row; neither English nor worked examples are
published with it.
"""

from isoglot.benchmarks.choices import LETTERS
from isoglot.benchmarks.item_columns import Columns, lettered_set

MMMLU = lettered_set(
    "mmmlu",
    Columns(
        key=("Unnamed: 0",),
        text="Question",
        options=tuple(LETTERS[:4]),
        answer="Answer",
        subject="Subject",
    ),
)
