"""Scorers of single answers: a reward model, a grader that knows the gold, and the length."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import RewardModelConfig
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.models.local.transformers import located, model_name, placement


class GoldScorer:
    """Scorer: what a grader says of the answer against the prompt's gold.

    None where there is no gold, where the grader cannot tell, and for an answer that failed or was
    cut off, which may have been about to be right.
    """

    def __init__(self, grader: Callable[[str, str], float | None], name: str = "gold") -> None:
        self.name = name
        self._grader = grader

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """As in the protocol."""
        return [
            self._grader(completion.text, prompt.gold)
            if prompt.gold is not None and completion.finish_reason == FinishReason.STOP
            else None
            for prompt, completion in zip(prompts, completions, strict=True)
        ]


class Length:
    """Scorer: the number of characters; None for an answer that failed."""

    name = "length"

    def score(
        self,
        prompts: Sequence[Prompt],  # noqa: ARG002
        completions: Sequence[Completion],
    ) -> list[float | None]:
        """As in the protocol."""
        return [
            None if row.finish_reason == FinishReason.ERROR else float(len(row.text))
            for row in completions
        ]


class _Row(NamedTuple):
    place: int
    ids: list[int]


class RewardModel:
    """Scorer: the one logit of a sequence classification model, of prompt and answer as one chat.

    The model reads text, through its own tokenizer and chat template, so any model's answers can be
    scored. None for an answer that is empty or failed, for one that does not fit into the context
    window together with its prompt (nothing is cut off), and where the logit is not a number.

    Loads safetensors only and never runs code from the checkpoint. Raises InputError where no
    reward model stands: none at all, another number of labels, no trained head, no chat template.
    """

    def __init__(self, config: RewardModelConfig) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # the stage has a bar of its own
        path, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self.batch_tokens = config.batch_tokens
        _check_labels(path, hub)
        self.tokenizer = AutoTokenizer.from_pretrained(path, **hub)
        if self.tokenizer.chat_template is None:
            raise InputError(
                f"expected a tokenizer with a chat template, got none in {config.path}; put the "
                f"chat_template.jinja with which the reward model was trained beside it"
            )
        device, device_map = placement(config.device)
        self.model, loading = AutoModelForSequenceClassification.from_pretrained(
            path,
            dtype=config.dtype,
            device_map=device_map,
            use_safetensors=True,
            output_loading_info=True,
            **hub,
        )
        if missing := sorted(loading["missing_keys"]):
            raise InputError(
                f"expected the weights of a reward model, got none for {missing[0]} in "
                f"{config.path}; train it first (`isoglot train reward`)"
            )
        self.model.eval()
        if device is not None:
            self.model.to(device)
        self._config = self.model.config.get_text_config()
        self._pad_id: int | None = self._config.pad_token_id

    @property
    def context_window(self) -> int | None:
        """The most tokens that the model reads; None where its config does not say."""
        return getattr(self._config, "max_position_embeddings", None)

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """As in the protocol, in the precision of the model."""
        rewards: list[float | None] = [None] * len(completions)
        for batch in self._batches(self._rows(prompts, completions)):
            for row, reward in zip(batch, self._forward(batch), strict=True):
                rewards[row.place] = reward if math.isfinite(reward) else None
        return rewards

    def _rows(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[_Row]:
        """The answers that can be scored, the shortest first."""
        places, texts = [], []
        for place, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            if completion.text.strip() and completion.finish_reason != FinishReason.ERROR:
                places.append(place)
                texts.append(self._render(prompt, completion.text))
        if not texts:
            return []
        # The template writes the tokens that begin and end a text itself.
        ids = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        window = self.context_window
        rows = [_Row(place, row) for place, row in zip(places, ids, strict=True)]
        fitting = [row for row in rows if window is None or len(row.ids) <= window]
        return sorted(fitting, key=lambda row: len(row.ids))

    def _render(self, prompt: Prompt, answer: str) -> str:
        """The whole conversation; an answer that continues a primed turn is one turn with it."""
        from jinja2 import TemplateError

        messages = [dict(message) for message in prompt.prompt]
        if messages[-1]["role"] == "assistant":
            answer = messages.pop()["content"] + answer
        messages.append({"role": "assistant", "content": answer})
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False)
        except TemplateError as error:
            roles = ", ".join(message["role"] for message in messages)
            raise InputError(
                f"{self.name}: expected a chat template that takes turns of {roles}, got an error "
                f"({error}); leave out the turn that it does not know"
            ) from error

    def _batches(self, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
        """Neighbours in length that fit the budget; rows are sorted, so the last is the longest."""
        batch: list[_Row] = []
        for row in rows:
            if batch and (len(batch) + 1) * len(row.ids) > self.batch_tokens:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _forward(self, batch: Sequence[_Row]) -> list[float]:
        import torch

        pad = self._padding(batch)
        if pad is None and len(batch) > 1:
            return [reward for row in batch for reward in self._forward([row])]
        self._config.pad_token_id = pad
        width = max(len(row.ids) for row in batch)
        fill = 0 if pad is None else pad
        ids = [row.ids + [fill] * (width - len(row.ids)) for row in batch]
        mask = [[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch]
        with torch.inference_mode():
            logits = self.model(
                input_ids=torch.tensor(ids, device=self.model.device),
                attention_mask=torch.tensor(mask, device=self.model.device),
            ).logits
        return logits[:, 0].float().tolist()

    def _padding(self, batch: Sequence[_Row]) -> int | None:
        """The token that fills rows up; None where there is none, and none is needed for one row.

        The reward is read at the last token that is not padding. A model without a padding token
        takes no batch of several rows: it is given a token that is in none of them, so that the
        reward is read where it is for a row alone.
        """
        if self._pad_id is not None or len(batch) == 1:
            return self._pad_id
        used = {token for row in batch for token in row.ids}
        return next((i for i in range(self._config.vocab_size) if i not in used), None)


def _check_labels(path: str, hub: dict[str, Any]) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(path, **hub)
    if not any("ForSequenceClassification" in name for name in config.architectures or []):
        raise InputError(
            f"expected a sequence classification model as reward model, got "
            f"{', '.join(config.architectures or ['a model of no named kind'])} in {path}; train "
            f"a reward model from it (`isoglot train reward`)"
        )
    if config.num_labels != 1:
        raise InputError(
            f"expected a reward model with one label, got {config.num_labels} labels in {path}; "
            f"take one with num_labels 1, or train one (`isoglot train reward`)"
        )
