"""Language-confusion negatives: answers with one sentence in another language of their family.

Preferences over such answers teach to stay in the language (Controlling Language Confusion,
arXiv:2505.19116, which fine-tunes by ORPO on answers of models that are confused). Here the foreign
sentence is a sibling's, the answer of the same sampler pool to the same prompt in another language,
so that nothing but the language is wrong with the rejected side.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import (
    Completion,
    FinishReason,
    Preference,
    content_id,
    content_unit,
    prompt_key,
)
from isoglot.core.sentences import sentences

SPLICED = "spliced"
"""Type of the pairs whose rejected side is the chosen one with a foreign sentence."""

_MIN_LETTERS = 8
"""Letters of a sentence that is spliced in: of fewer the language is not certain."""


def spliced_preferences(
    preferences: Sequence[Preference],
    completions: Iterable[Completion],
    identifier: LanguageIdentifier,
    *,
    share: float,
    seed: int,
) -> list[Preference]:
    """Return preferences of chosen answers over themselves with one sentence of a sibling's.

    Content and seed decide which answers (about a `share` of them, each once), sentence and
    sibling. An answer of one sentence keeps it, and the foreign one follows. None is made for a
    prompt about translation, and none where no whole answer of the family has a sentence that is
    identified as of the language asked for, another than the chosen one's.
    """
    chosen = {
        (*prompt_key(row), row.chosen_text): row
        for row in preferences
        if row.pair_type != "translation_prompt"
    }
    drawn = [
        row
        for row in chosen.values()
        if content_unit(str(seed), row.prompt_id, row.chosen_text) < share
    ]
    foreign = _sentences_of({row.family for row in drawn}, completions, identifier)
    return [
        _over_itself(row, text)
        for row in drawn
        if (text := _spliced(row, foreign[row.family], seed)) is not None
    ]


def _over_itself(row: Preference, text: str) -> Preference:
    return replace(
        row,
        rejected=({"role": "assistant", "content": text},),
        rejected_model=row.chosen_model,
        rejected_language=None,
        rejected_finish_reason=row.chosen_finish_reason,
        score_rejected=None,
        pair_type=SPLICED,
    )


def _sentences_of(
    families: set[str], completions: Iterable[Completion], identifier: LanguageIdentifier
) -> dict[str, list[tuple[str, str]]]:
    """Return language and text of the sentences of each family whose language is certain."""
    found = [
        (row.family, row.language, text)
        for row in completions
        if row.family in families and row.finish_reason == FinishReason.STOP
        for text in map(str.strip, sentences(row.text, row.language))
        if sum(map(str.isalpha, text)) >= _MIN_LETTERS
    ]
    by_family: dict[str, list[tuple[str, str]]] = defaultdict(list)
    tags = identifier.identify([text for _, _, text in found])
    for (family, language, text), tag in zip(found, tags, strict=True):
        if tag == language:
            by_family[family].append((language, text))
    return by_family


def _spliced(row: Preference, found: Sequence[tuple[str, str]], seed: int) -> str | None:
    own = {text for language, text in found if language == row.answer_language}
    others = {text for _, text in found} - own
    if not others:
        return None
    words = str(seed), row.prompt_id, row.chosen_text
    foreign = min(others, key=lambda text: content_id(*words, text))
    pieces = sentences(row.chosen_text.rstrip(), row.answer_language)
    places = [place for place, piece in enumerate(pieces) if any(map(str.isalpha, piece))]
    if len(places) < 2:
        return f"{row.chosen_text.rstrip()} {foreign}"
    place = places[int(content_unit(*words, foreign) * len(places))]
    blank = pieces[place][len(pieces[place].rstrip()) :]
    return "".join([*pieces[:place], foreign + blank, *pieces[place + 1 :]])
