"""FLORES-200 devtest: 1,012 sentences in 204 languages (NLLB team 2022, arXiv:2207.04672)."""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.translation import pair_variants, translation_examples
from isoglot.core.languages import LANGUAGES
from isoglot.evals.translation_metrics import BLEU, CHRF, SPBLEU

_LANGUAGES = {row.tag: row.flores for row in LANGUAGES.values() if row.flores}
_VARIANTS = pair_variants(_LANGUAGES)


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    return translation_examples("flores", rows, tag, ask, _VARIANTS)


FLORES = Benchmark(
    name="flores",
    title="FLORES-200: translation",
    source=Source(
        hub="facebook/flores",
        split="devtest",
        files=(
            "{split}/{code}.{split}",
            "flores200_dataset/{split}/{code}.{split}",
            "{code}.{split}",
            "{code}_{split}.parquet",
            "{code}/{split}*.parquet",
            "flores_{split}.jsonl",
            "flores_{split}.jsonl.gz",
            "flores.jsonl",
            "flores.jsonl.gz",
        ),
        train_split="dev",
        how_to_get="get flores200_dataset.tar.gz from github.com/facebookresearch/flores, or "
        "accept the terms of huggingface.co/datasets/facebook/flores and `hf auth login`",
        licence="CC-BY-SA-4.0",
    ),
    languages=_LANGUAGES,
    examples=_examples,
    metrics=(CHRF, SPBLEU, BLEU),
    variants=_VARIANTS,
)
