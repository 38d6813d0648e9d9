"""MGSM: 250 grade-school problems in 11 languages (Shi et al. 2022, arXiv:2210.03057).

Published with eight worked examples in each language, whose answers end in the number announced.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.maths import ACCURACY, VARIANTS, maths_examples

_TAGS = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th")


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    return maths_examples(
        "mgsm", rows, tag, ask, question=("question",), answer=("answer_number", "answer")
    )


MGSM = Benchmark(
    name="mgsm",
    title="MGSM: grade-school maths",
    source=Source(
        hub="juletxara/mgsm",
        split="test",
        files=(
            "mgsm_{code}.tsv",
            "mgsm_{code}.jsonl",
            "{code}/{split}.jsonl",
            "mgsm_{split}.jsonl",
            "mgsm_{split}.jsonl.gz",
            "mgsm.jsonl",
            "mgsm.jsonl.gz",
        ),
        train_split="train",
        how_to_get="get mgsm_LANGUAGE.tsv from github.com/google-research/url-nlp, folder mgsm "
        "(it has no worked examples; those are on the hub, juletxara/mgsm)",
        licence="CC-BY-4.0",
        columns=("question", "answer"),
    ),
    languages={**{tag: tag for tag in _TAGS}, "zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY,),
    variants=VARIANTS,
)
