"""NTREX-128: 1,997 sentences of news in 128 languages (Federmann et al. 2022, SumEval).

Regional translations of one language (`fra-CA`) stand in the table's one row; the first is read.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.translation import pair_variants, translation_examples
from isoglot.core.languages import LANGUAGES
from isoglot.evals.translation_metrics import BLEU, CHRF, SPBLEU

_LANGUAGES = {row.tag: row.ntrex[0] for row in LANGUAGES.values() if row.ntrex}
_VARIANTS = pair_variants(_LANGUAGES)


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    return translation_examples("ntrex", rows, tag, ask, _VARIANTS)


NTREX = Benchmark(
    name="ntrex",
    title="NTREX-128: translation of news",
    source=Source(
        hub="",
        split="test",
        files=(
            "newstest2019-src.{code}.txt",
            "newstest2019-ref.{code}.txt",
            "NTREX-128/newstest2019-src.{code}.txt",
            "NTREX-128/newstest2019-ref.{code}.txt",
            "ntrex.jsonl",
            "ntrex.jsonl.gz",
        ),
        how_to_get="git clone https://github.com/MicrosoftTranslator/NTREX and give its folder",
        licence="CC-BY-SA-4.0",
    ),
    languages=_LANGUAGES,
    examples=_examples,
    metrics=(CHRF, SPBLEU, BLEU),
    variants=_VARIANTS,
)
