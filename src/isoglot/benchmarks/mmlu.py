"""Global-MMLU: school and university questions in 57 subjects, 42 languages.

Singh et al. 2024, arXiv:2412.03304, after MMLU (Hendrycks et al. 2020, arXiv:2009.03300). 14,042
test questions, parallel by `sample_id`, and 285 worked examples, five for each subject, shown only
to questions of that subject. Of the translations of MMLU it has the most languages, worked examples
in each of them, ids and a free licence. 2,850 questions are annotated as culturally sensitive or
agnostic: each half has an accuracy of its own.

`global_mmlu_lite` has 200 questions of each half, in the languages that people have translated.
"""

from isoglot.benchmarks.item_columns import Columns, lettered_set

_COLUMNS = Columns(
    key=("sample_id",),
    subject="subject",
    facet="cultural_sensitivity_label",
    facets={"CS": "culturally_sensitive", "CA": "culturally_agnostic"},
)

MMLU = lettered_set("mmlu", _COLUMNS)
GLOBAL_MMLU_LITE = lettered_set("global_mmlu_lite", _COLUMNS)
