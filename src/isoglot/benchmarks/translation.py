"""What FLORES-200 and NTREX share: a sentence in one language, its translation in another.

The row of a result is the language that is not the pivot of the variant: `en-xx` translates from
English into it, `xx-en` from it into English, and with any other pivot the pair is not English
(`de-xx` in Swahili is German to Swahili). The instruction is English, as in xLLMs-100 (Lai et al.
2024, arXiv:2406.01771), and names both languages.
"""

from collections.abc import Iterable, Mapping, Sequence

from isoglot.benchmarks.benchmark import Ask, Example, Rows
from isoglot.benchmarks.conversations import Shot, asked, first_shots, variant_of
from isoglot.benchmarks.rows import cell, position
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.rows import Row

INSTRUCTION = "Translate the following sentence from {source} into {target}. Reply with the "
INSTRUCTION += "translation only."

_PLACE = ("id", "line", "index_id")
_TEXT = ("sentence", "text")


def pair_variants(tags: Iterable[str]) -> tuple[str, ...]:
    """`en-xx` first, then `xx-en`, then the same of every other pivot."""
    pivots = ["en", *(tag for tag in tags if tag != "en")]
    return tuple(pair for pivot in pivots for pair in (f"{pivot}-xx", f"xx-{pivot}"))


def pair_of(variant: str, tag: str) -> tuple[str, str]:
    """Source and target language of a variant in the row of a language."""
    if variant.startswith("xx-"):
        return tag, variant.removeprefix("xx-")
    return variant.removesuffix("-xx"), tag


def translation_examples(
    name: str, rows: Rows, tag: str, ask: Ask, variants: Sequence[str]
) -> list[Example]:
    """Each sentence with its translation as gold; none where the language is the pivot itself."""
    source, target = pair_of(variant_of(name, variants, ask), tag)
    if source == target:
        return []
    shots: list[Shot] = []
    if ask.shots:
        worked = _pairs(name, rows, "train", source, target).values()
        shots = [Shot(_request(text, source, target), gold) for text, gold in worked]
        shots = first_shots(shots, ask, name)
    return [
        Example(
            asked(
                _request(text, source, target),
                language=tag,
                family=f"{name}-{place}",
                shots=shots,
                answer_language=target,
                gold=gold,
                source=name,
            )
        )
        for place, (text, gold) in _pairs(name, rows, "test", source, target).items()
    ]


def _request(text: str, source: str, target: str) -> str:
    names = {"source": language(source).english_name, "target": language(target).english_name}
    return f"{INSTRUCTION.format(**names)}\n\n{text}"


def _pairs(
    name: str, rows: Rows, split: str, source: str, target: str
) -> Mapping[str, tuple[str, str]]:
    """Place → sentence and translation; InputError where one side has sentences of its own."""
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
    """Place → sentence; a blank line has none."""
    texts = {
        position(row, place, *_PLACE): str(cell(row, *_TEXT)).strip()
        for place, row in enumerate(rows)
    }
    return {place: text for place, text in texts.items() if text}
