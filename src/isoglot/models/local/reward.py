"""A reward model: a sequence classification model with one label, as a scorer."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import RewardModelConfig
from isoglot.models.batches import pad, split_batches
from isoglot.models.local.special import SpecialTokens
from isoglot.models.local.template import load_tokenizer, render_turns
from isoglot.models.local.weights import load_config, load_weights, located, model_name

_Row = tuple[int, list[int]]
"""The index of a completion, and the tokens of its conversation."""


class RewardModel:
    """Scorer: the one logit of a sequence classification model, for prompt and answer as one chat.

    The model reads text, through its own tokenizer and chat template, so completions of any model
    can be scored. None for a completion that is empty or failed, for one that does not fit into the
    context window together with its prompt (nothing is truncated), and for a logit that is not
    finite.

    Raises InputError if there is no reward model: no weights, another number of labels, an
    untrained head, no chat template.
    """

    def __init__(self, config: RewardModelConfig) -> None:
        from transformers import AutoModelForSequenceClassification

        path, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self.batch_tokens = config.batch_tokens
        _check_labels(path, hub)
        self.tokenizer = load_tokenizer(path, hub)
        self._special = SpecialTokens(self.tokenizer)
        if self.tokenizer.chat_template is None:
            raise InputError(
                f"expected a tokenizer with a chat template, got none in {config.path}; add the "
                f"chat_template.jinja with which the reward model was trained to its folder"
            )
        self.model, missing = load_weights(
            AutoModelForSequenceClassification, path, hub, dtype=config.dtype, device=config.device
        )
        if missing:
            raise InputError(
                f"expected the weights of a reward model, got none for {missing[0]} in "
                f"{config.path}; train it first (`isoglot train reward`)"
            )
        self._config = self.model.config.get_text_config()
        self._pad_id: int | None = self._config.pad_token_id

    @property
    def context_window(self) -> int | None:
        """Maximum number of tokens; None if the model's config gives none."""
        return getattr(self._config, "max_position_embeddings", None)

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`. Computed in the precision of the model."""
        rewards: list[float | None] = [None] * len(completions)

        def fits(batch: list[_Row], row: _Row) -> bool:
            return (len(batch) + 1) * len(row[1]) <= self.batch_tokens

        for batch in split_batches(self._rows(prompts, completions), fits):
            indices, ids = zip(*batch, strict=True)
            for i, reward in zip(indices, self._forward(ids), strict=True):
                rewards[i] = reward if math.isfinite(reward) else None
        return rewards

    def _rows(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[_Row]:
        """Encode the completions that can be scored, the shortest first."""
        indices, texts = [], []
        for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            if completion.text.strip() and completion.finish_reason != FinishReason.ERROR:
                indices.append(i)
                texts.append(self._render(prompt, completion.text))
        if not texts:
            return []
        # The template writes the BOS and EOS tokens itself.
        ids = self._special.encode(texts)
        window = self.context_window
        rows = zip(indices, ids, strict=True)
        fitting = [row for row in rows if window is None or len(row[1]) <= window]
        return sorted(fitting, key=lambda row: len(row[1]))

    def _render(self, prompt: Prompt, answer: str) -> str:
        """Render the whole conversation; a primed turn and its completion become one turn."""
        messages = list(prompt.prompt)
        if messages[-1]["role"] == "assistant":
            answer = messages.pop()["content"] + answer
        messages.append({"role": "assistant", "content": answer})
        try:
            return render_turns(self.tokenizer, self._special.mark_turns(messages))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    def _forward(self, batch: Sequence[list[int]]) -> list[float]:
        import torch

        pad_id = self._padding(batch)
        if pad_id is None and len(batch) > 1:
            return [reward for row in batch for reward in self._forward([row])]
        self._config.pad_token_id = pad_id
        ids, mask = (each.to(self.model.device) for each in pad(batch, pad_id))
        with torch.inference_mode():
            logits = self.model(input_ids=ids, attention_mask=mask).logits
        return logits[:, 0].float().tolist()

    def _padding(self, batch: Sequence[list[int]]) -> int | None:
        """Return the pad token; None if there is none, and for one row, which needs none.

        The reward is read at the last token that is not padding. A model without a pad token takes
        no batch of several rows: it is given a token that occurs in none of them, so that the
        reward is read at the same token as for the row alone.
        """
        if self._pad_id is not None or len(batch) == 1:
            return self._pad_id
        used = set(chain.from_iterable(batch))
        return next((i for i in range(self._config.vocab_size) if i not in used), None)


def _check_labels(path: str, hub: dict[str, Any]) -> None:
    config = load_config(path, hub)
    if not any("ForSequenceClassification" in name for name in config.architectures or []):
        raise InputError(
            f"expected a sequence classification model as reward model, got "
            f"{', '.join(config.architectures or ['no named architecture'])} in {path}; train "
            f"a reward model from it (`isoglot train reward`)"
        )
    if config.num_labels != 1:
        raise InputError(
            f"expected a reward model with one label, got {config.num_labels} labels in {path}; "
            f"take one with num_labels 1, or train one (`isoglot train reward`)"
        )
