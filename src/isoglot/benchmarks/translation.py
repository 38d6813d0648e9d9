"""Translation benchmarks: sentences in one language and their translations in another.

A result's language is the one that is not the pivot of the variant: `en-xx` translates from English
into it, `xx-en` from it into English, and likewise for any other pivot (`de-xx` in Swahili is
German to Swahili). The instruction is English, as in xLLMs-100 (Lai et al. 2024, arXiv:2406.01771),
and names both languages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, source_of
from isoglot.benchmarks.conversations import Shot, build_example, first_shots
from isoglot.benchmarks.rows import position, text_cell
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.rows import Row
from isoglot.evals.translation_metrics import BLEU, CHRF, SPBLEU

_INSTRUCTION = (
    "Translate the following sentence from {source} into {target}. Reply with the translation only."
)
_PLACE = ("id", "line", "index_id")
_TEXT = ("sentence", "text")


def translation_benchmark(name: str) -> Benchmark:
    """Build the benchmark of a set of parallel sentences, with every language as a pivot."""

    def read(rows: ReadSplit, tag: str, prompt_format: PromptFormat) -> list[Example]:
        return _examples(name, rows, tag, prompt_format)

    variants = pair_variants(source_of(name).languages)
    return Benchmark(name, read, (CHRF, SPBLEU, BLEU), variants=variants)


def pair_variants(tags: Iterable[str]) -> tuple[str, ...]:
    """Return `en-xx`, then `xx-en`, then the same for every other pivot."""
    pivots = ["en", *(tag for tag in tags if tag != "en")]
    return tuple(pair for pivot in pivots for pair in (f"{pivot}-xx", f"xx-{pivot}"))


def pair_of(variant: str, tag: str) -> tuple[str, str]:
    """Return source and target language of a variant for the results of a language."""
    if variant.startswith("xx-"):
        return tag, variant.removeprefix("xx-")
    return variant.removesuffix("-xx"), tag


def translation_request(source: str, target: str, text: str) -> str:
    """Return the request to translate a text, with the instruction in English."""
    names = {"source": language(source).english_name, "target": language(target).english_name}
    return f"{_INSTRUCTION.format(**names)}\n\n{text}"


def _examples(name: str, rows: ReadSplit, tag: str, prompt_format: PromptFormat) -> list[Example]:
    """Return each sentence with its translation as gold; none if the language is the pivot."""
    source, target = pair_of(prompt_format.variant, tag)
    if source == target:
        return []

    def worked() -> Iterator[Shot]:
        for text, gold in _pairs(name, rows, "train", source, target).values():
            yield Shot(translation_request(source, target, text), gold)

    shots = first_shots(worked(), prompt_format.shots, name)
    return [
        build_example(
            translation_request(source, target, text),
            language=tag,
            family=f"{name}-{place}",
            shots=shots,
            answer_language=target,
            gold=gold,
            source=name,
        )
        for place, (text, gold) in _pairs(name, rows, "test", source, target).items()
    ]


def _pairs(
    name: str, rows: ReadSplit, split: str, source: str, target: str
) -> Mapping[str, tuple[str, str]]:
    """Map place to sentence and translation."""
    sources = _sentences(rows(f"{split}@{source}"))
    targets = _sentences(rows(f"{split}@{target}"))
    if sources.keys() != targets.keys():
        odd = min(sources.keys() ^ targets.keys())
        raise InputError(
            f"{name}: expected the same sentences in {source!r} and {target!r}, came "
            f"{len(sources)} and {len(targets)}, differing in sentence {odd}; take both from the "
            "same release"
        )
    return {place: (text, targets[place]) for place, text in sources.items()}


def _sentences(rows: Sequence[Row]) -> dict[str, str]:
    """Map place to sentence, leaving out blank lines."""
    texts = {
        position(row, place, *_PLACE): text_cell(row, *_TEXT) for place, row in enumerate(rows)
    }
    return {place: text for place, text in texts.items() if text}
