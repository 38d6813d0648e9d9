"""Scorer by the implicit reward of a policy that was trained on preferences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from isoglot.core.languages import language
from isoglot.core.protocols import LikelihoodModel
from isoglot.core.records import Completion, Message, Prompt
from isoglot.models.scorers.families import is_answer

_PREFIX = (
    "Please answer the following instruction using only {language}, unless explicitly instructed "
    "to respond in a different language.\n\n"
)
"""The request in the authors' repository, ZNLP/Implicit-Cross-Lingual-Rewarding."""


class ImplicitReward:
    """Scorer: log p_policy(answer | x) - log p_reference(answer | x), in nats (arXiv:2503.04647).

    x is the prompt in the dominant language, whatever the language of the answer, with a request
    for that language before it: the preferences that the policy was trained on in the dominant
    language hold there. From it goes `length_penalty` times the number of characters. None for a
    completion that is empty or failed, for a family without a prompt in the dominant language, and
    for an answer that does not fit into a context window; the end of the answer does not count.
    """

    def __init__(
        self,
        policy: LikelihoodModel,
        reference: LikelihoodModel,
        dominant: str,
        *,
        length_penalty: float = 0.0,
        dominant_prompts: Mapping[str, Prompt] | None = None,
    ) -> None:
        """`dominant_prompts` are the prompts in the dominant language by family, where a call does
        not have those of whole families."""
        self.name = f"implicit_reward:{policy.name}/{reference.name}"
        self._models = policy, reference
        self._dominant = dominant
        self._length_penalty = length_penalty
        self._dominant_prompts = dominant_prompts or {}

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`."""
        sources = {**self._dominant_prompts, **prompts_in(self._dominant, prompts)}
        texts: dict[tuple[str, str], dict[str, None]] = {}
        for prompt, row in zip(prompts, completions, strict=True):
            if prompt.family in sources and is_answer(row):
                texts.setdefault((prompt.family, prompt.answer_language), {})[row.text] = None
        requests = [self._request(sources[family], tag) for family, tag in texts]
        answers = [list(each) for each in texts.values()]
        rewards: dict[tuple[str, str, str], float] = {}
        policy, reference = (model.log_likelihoods(requests, answers) for model in self._models)
        for key, row_texts, ours, theirs in zip(texts, answers, policy, reference, strict=True):
            for text, own, other in zip(row_texts, ours, theirs, strict=True):
                if own is not None and other is not None:
                    reward = own.log_probability - other.log_probability
                    rewards[(*key, text)] = reward - self._length_penalty * len(text)
        return [
            rewards.get((prompt.family, prompt.answer_language, row.text))
            if is_answer(row)
            else None
            for prompt, row in zip(prompts, completions, strict=True)
        ]

    def _request(self, source: Prompt, answer_language: str) -> Prompt:
        """Return the prompt in the dominant language that requests an answer in another."""
        if answer_language == self._dominant:
            return source
        *before, last = source.prompt
        prefix = _PREFIX.format(language=language(answer_language).english_name)
        turn: Message = {**last, "content": prefix + last["content"]}
        return replace(source, prompt=(*before, turn), answer_language=answer_language)


def prompts_in(tag: str, prompts: Sequence[Prompt]) -> dict[str, Prompt]:
    """Return the prompts in a language that request an answer in the same, by family."""
    return {each.family: each for each in prompts if each.language == tag == each.answer_language}
