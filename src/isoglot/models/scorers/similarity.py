"""Scorers by the embeddings of a family: similarity to an answer in the dominant language."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Protocol

import numpy as np

from isoglot.core.records import Completion, Prompt, content_id
from isoglot.core.scorers import ConsistencyConfig, SimilarityConfig
from isoglot.models.scorers.families import dominant_answers, is_answer, of_another_family


class Embedder(Protocol):
    """A model of texts as unit vectors."""

    name: str

    def embed(self, texts: Sequence[str]) -> list[np.ndarray | None]:
        """Return a unit vector for each text, or None."""
        ...


class SimilarityScorer:
    """Scorer: the cosine of the embeddings of an answer and of its family's reference.

    The reference is the first whole answer in the dominant language; by `consistency` it is the one
    that is most similar to the others. With `means`, the reward in language l is cosine - means[l]
    + 1: a translation has about 1 in every language (PB-RLSVR, arXiv:2509.25543; LRPO,
    arXiv:2605.25360; their mean of the dominant language is here 1, a text's with itself).

    Another answer in the dominant language has its cosine with the reference; by `consistency` it
    has the mean of its cosines with all the others, and so has the reference itself (CM-Align,
    arXiv:2509.08541, of which the idea is known alone: reference and answers by consistency). None
    for the reference of `similarity`, for an answer that is empty, failed or has no embedding, in a
    family without reference, and in a language without a mean.
    """

    def __init__(
        self,
        embedder: Embedder,
        config: SimilarityConfig | ConsistencyConfig,
        dominant: str,
        means: Mapping[str, float] | None = None,
    ) -> None:
        """`means` are those of `calibration_means`; None: the cosine as it is."""
        self.name = f"{config.kind}:{embedder.name}"
        self._embedder = embedder
        self._is_by_consistency = isinstance(config, ConsistencyConfig)
        self._is_control = config.reference == "another_family"
        self._dominant = dominant
        self._means = means

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`; the completions are those of whole families."""
        vectors = self._vectors(completions)
        pools = {
            family: [i for i in indices if vectors[i] is not None]
            for family, indices in dominant_answers(prompts, completions, self._dominant).items()
        }
        consistency: dict[int, float] = {}
        references: dict[str, int] = {}
        for family, pool in pools.items():
            if not pool:
                continue
            references[family] = pool[0]
            if self._is_by_consistency and len(pool) > 1:
                known = _mean_cosines([vectors[i] for i in pool])
                consistency |= dict(zip(pool, known, strict=True))
                # The first of equal ones, where the last bits of a mean are no difference.
                references[family] = max(pool, key=lambda i: round(consistency[i], 6))
        if self._is_control:
            references = of_another_family(references) if len(references) > 1 else {}
        rewards: list[float | None] = []
        for i, (prompt, row) in enumerate(zip(prompts, completions, strict=True)):
            own, place = vectors[i], references.get(row.family)
            if self._is_by_consistency and i in consistency:
                rewards.append(consistency[i])
                continue
            if own is None or place is None or place == i:
                rewards.append(None)
                continue
            reference = vectors[place]
            assert reference is not None
            rewards.append(self._calibrated(float(own @ reference), prompt.answer_language))
        return rewards

    def _vectors(self, completions: Sequence[Completion]) -> list[np.ndarray | None]:
        """Embed each text once."""
        texts = dict.fromkeys(row.text for row in completions if is_answer(row))
        known = dict(zip(texts, self._embedder.embed(list(texts)), strict=True))
        return [known[row.text] if is_answer(row) else None for row in completions]

    def _calibrated(self, cosine: float, tag: str) -> float | None:
        if self._means is None or tag == self._dominant:
            return cosine
        mean = self._means.get(tag)
        return None if mean is None else cosine - mean + 1


def calibration_means(
    prompts: Sequence[Prompt], embedder: Embedder, dominant: str, num_families: int
) -> dict[str, float]:
    """Return the mean cosine of each language's prompts with their versions in the dominant one.

    Of the families with a prompt in the dominant language, `num_families` are taken in an order
    without meaning.
    """
    families: dict[str, dict[str, str]] = defaultdict(dict)
    for prompt in prompts:
        if prompt.language == prompt.answer_language:
            families[prompt.family][prompt.language] = prompt.text
    parallel = sorted((name for name in families if dominant in families[name]), key=content_id)
    chosen = [families[name] for name in parallel[:num_families]]
    texts = list(dict.fromkeys(text for each in chosen for text in each.values()))
    known = dict(zip(texts, embedder.embed(texts), strict=True))
    cosines: dict[str, list[float]] = defaultdict(list)
    for each in chosen:
        source = known[each[dominant]]
        for tag, text in each.items():
            own = known[text]
            if tag != dominant and source is not None and own is not None:
                cosines[tag].append(float(own @ source))
    return {tag: fmean(values) for tag, values in sorted(cosines.items())}


def _mean_cosines(vectors: Sequence[np.ndarray | None]) -> list[float]:
    """Return the mean cosine of each unit vector with the others."""
    rows = np.stack([each for each in vectors if each is not None])
    assert len(rows) == len(vectors)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, 0.0)
    return (cosines.sum(1) / (len(rows) - 1)).tolist()
