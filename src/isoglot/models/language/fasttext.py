"""Language identifier of a user's fastText model, such as GlotLID, OpenLID or lid.176.

Its labels are read by `core/languages.py`: `__label__swh_Latn` and `__label__sw` are Swahili. Those
that the table lacks, or that are no candidates, are languages outside.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isoglot.core.errors import InputError, require
from isoglot.core.files import file_sha256
from isoglot.core.languages import language_of
from isoglot.models.language.identifier import VARIETIES, Guess, RestrictedIdentifier
from isoglot.models.language.scripts import dominant_scripts, extract_words

_PREFIX = "__label__"
_OUTSIDE = 0.1  # prior probability of all labels that are no candidates


class FasttextIdentifier(RestrictedIdentifier):
    """Identifies a text as one of the candidate languages by a fastText model, or as None.

    The probability of a text's labels is weighed by a prior of .9 for the candidates together. None
    for a text without words or a dominant script, and below `threshold`.

    Raises InputError for a file that is no fastText model, for a candidate without a label, and
    without the extra `fasttext`.
    """

    def __init__(self, path: Path, languages: Sequence[str], *, threshold: float = 0.9) -> None:
        super().__init__(languages, threshold=threshold)
        tags = {tag for several in self._by_script.values() for tag in several}
        self._model = _load(path)
        labels = [label.removeprefix(_PREFIX) for label in self._model.labels]
        self._tags = [_tag_of(label, tags) for label in labels]
        if missing := sorted(tags - set(self._tags)):
            raise InputError(
                f"expected labels for all languages in {path}, got none for {', '.join(missing)}; "
                f"leave them out, or use the identifier `langid`"
            )
        alike = {tag for group in VARIETIES if group & tags for tag in group} - tags
        priors = [
            (1 - _OUTSIDE) / len(tags) if tag in tags else 0 if tag in alike else None
            for tag in self._tags
        ]
        num_outside = max(1, priors.count(None))
        weights = [_OUTSIDE / num_outside if prior is None else prior for prior in priors]
        self._priors = dict(zip(self._model.labels, weights, strict=True))
        self._tag_of_label = dict(zip(self._model.labels, self._tags, strict=True))
        self._candidates = sorted(tags)
        self.name = f"fasttext@{file_sha256(path)[:12]}:{len(tags)}"

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Return the best candidate for each text with its probability, however small."""
        words = [extract_words(text) for text in texts]
        return [
            self._guess(text) if script else Guess(None, 0.0)
            for text, script in zip(words, dominant_scripts(words), strict=True)
        ]

    def _guess(self, text: str) -> Guess:
        labels, probabilities = self._model.predict(text, k=-1)
        total = 0.0
        of_tag = dict.fromkeys(self._candidates, 0.0)
        for label, probability in zip(labels, np.asarray(probabilities).tolist(), strict=True):
            weight = probability * self._priors[label]
            total += weight
            if (tag := self._tag_of_label[label]) in of_tag:
                of_tag[tag] += weight
        best = max(of_tag, key=lambda tag: of_tag[tag])
        return Guess(best, min(1.0, of_tag[best] / total)) if total else Guess(None, 0.0)


def _tag_of(label: str, candidates: set[str]) -> str | None:
    """Return the tag of a label; Chinese without a variant is the one Chinese candidate."""
    code, _, script = label.partition("_")
    if script == "Hani":
        variants = [f"{code}_Hans", f"{code}_Hant"]
        chinese = {tag for each in variants if (tag := _tag_of(each, candidates)) in candidates}
        return chinese.pop() if len(chinese) == 1 else None
    try:
        return language_of(label).tag
    except InputError:
        return None


def _load(path: Path) -> Any:
    require("fasttext", "identifier: {kind: fasttext}")
    import fasttext

    if not path.is_file():
        raise InputError(f"expected a fastText model at {path}, got no file; correct `path`")
    try:
        return fasttext.load_model(str(path))
    except ValueError as error:
        raise InputError(
            f"cannot read {path} ({error}); expected a model of fastText (.bin or .ftz)"
        ) from None
