"""INCLUDE-lite: questions of local exams in 44 languages, none of them translated.

Romanou et al. 2024, arXiv:2411.19799. Some 250 questions in each language; `include-base-44`, with
its options in four columns, is read as well (`data` or files). Each question is a family of its
own. The answer counts the options from 0.
"""

from isoglot.benchmarks.item_columns import Columns, lettered_set

INCLUDE_LITE = lettered_set(
    "include_lite", Columns(parallel=False, listed="choices", counts_from=0)
)
