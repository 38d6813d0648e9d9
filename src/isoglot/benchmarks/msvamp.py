"""MSVAMP: 1,000 out-of-domain word problems in 10 languages (Chen et al. 2023, arXiv:2310.20246).

No worked examples are published with it; shots are read from a file of the user's own.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.maths import ACCURACY, VARIANTS, maths_examples

_TAGS = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "th")


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    # `query` is the English problem in the rows of every language.
    question = ("m_query", "query") if tag == "en" else ("m_query",)
    return maths_examples("msvamp", rows, tag, ask, question=question, answer=("response",))


MSVAMP = Benchmark(
    name="msvamp",
    title="MSVAMP: out-of-domain maths",
    source=Source(
        hub="Mathoctopus/MSVAMP",
        split="test",
        files=(
            "{split}_{Name}.json",
            "msvamp_{split}_{code}.jsonl",
            "msvamp_{split}.jsonl",
            "msvamp.jsonl",
            "msvamp.jsonl.gz",
        ),
        train_split="train",
        how_to_get="get test_LANGUAGE.json from huggingface.co/datasets/Mathoctopus/MSVAMP; worked "
        "examples are not published: write yours to msvamp_train_LANGUAGE.jsonl, columns question "
        "and answer",
        licence="MIT (repository), Apache-2.0 (hub)",
    ),
    languages={**{tag: tag for tag in _TAGS}, "zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY,),
    variants=VARIANTS,
)
