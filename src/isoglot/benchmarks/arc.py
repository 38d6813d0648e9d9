"""ARC-Challenge in 34 languages: school science questions with three to five options.

Clark et al. 2018, arXiv:1803.05457; translated by ChatGPT for Okapi (Lai et al. 2023,
arXiv:2307.16039), Icelandic and Norwegian added on the hub. Parallel by `id`, though not every
question exists in every language. By likelihood the text of an option answers the question, as in
lm-eval, whose `acc_norm` is `accuracy_per_char`.
"""

from isoglot.benchmarks.choices import ACCURACY_PER_CHAR, CHOICE_ACCURACY, LETTERS, cloze
from isoglot.benchmarks.item_columns import Columns, lettered_set

ARC = lettered_set(
    "arc",
    Columns(
        key=("id",),
        text="instruction",
        options=tuple(f"option_{letter.lower()}" for letter in LETTERS[:5]),
    ),
    fewest=3,
    metrics=(CHOICE_ACCURACY, ACCURACY_PER_CHAR),
    by_likelihood=cloze,
)
