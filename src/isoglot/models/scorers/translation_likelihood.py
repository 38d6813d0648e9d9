"""Scorer by a translation model: how likely the dominant answer is as a translation."""

from collections.abc import Sequence

from isoglot.core.records import Completion, Prompt
from isoglot.core.scorers import TranslationLikelihoodConfig
from isoglot.models.scorers.families import dominant_answers, is_answer, of_another_family
from isoglot.models.translation.seq2seq import Seq2SeqTranslator


class TranslationLikelihoodScorer:
    """Scorer: the mean log-probability of a token of the family's answer in the dominant language
    as the translation of an answer, by a translation model (MAPO, arXiv:2401.06838).

    MAPO's reward is 1 / -mean, which ranks the same; its English answers are correct ones that were
    collected, here it is the first whole one of the family. None for the answers in the dominant
    language, for a family without one, for an answer that is empty or failed, and where one of the
    two is too long for the model.
    """

    def __init__(
        self, translator: Seq2SeqTranslator, config: TranslationLikelihoodConfig, dominant: str
    ) -> None:
        self.name = f"translation_likelihood:{translator.name}"
        self._translator = translator
        self._is_control = config.reference == "another_family"
        self._dominant = dominant

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`; the completions are those of whole families."""
        answers = dominant_answers(prompts, completions, self._dominant)
        references = {family: completions[found[0]].text for family, found in answers.items()}
        if self._is_control:
            references = of_another_family(references) if len(references) > 1 else {}
        keys = [
            (row.text, prompt.answer_language, references[row.family])
            if is_answer(row)
            and prompt.answer_language != self._dominant
            and row.family in references
            else None
            for prompt, row in zip(prompts, completions, strict=True)
        ]
        asked = list(dict.fromkeys(key for key in keys if key is not None))
        texts, sources, wanted = ([key[place] for key in asked] for place in range(3))
        values = self._translator.log_probabilities(
            texts, sources, wanted, [self._dominant] * len(asked)
        )
        known = dict(zip(asked, values, strict=True))
        return [None if key is None else known[key] for key in keys]
