"""Embeddings of texts: the mean of a model's hidden states over the tokens of each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoglot.models.batches import pad, split_batches
from isoglot.models.local.checkpoint import reading_checkpoint
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import CausalModel
from isoglot.models.local.weights import load_config, load_weights, located, model_name

if TYPE_CHECKING:
    from torch import Tensor

_Row = tuple[int, list[int], list[int]]
"""The index of a text, its tokens, and a 1 for each token that is of the text itself."""


class HiddenStates:
    """Embeds texts by a causal model, an encoder, or the encoder of a translation model.

    An embedding is the mean of the hidden states of one layer over the tokens of the text, without
    special ones, scaled to length 1. A causal model reads the text alone behind one special token,
    which takes the attention that its first token always gets.
    """

    def __init__(self, config: WeightsConfig, layer: float) -> None:
        """`layer` is a share of the layers, from 0 (the token embeddings) to 1 (the last)."""
        from transformers import AutoModel

        path, hub = located(config.path, config.revision)
        self.name = f"{model_name(config.path, hub.get('revision', config.revision))}:{layer:g}"
        self._batch_tokens = config.batch_tokens
        if self._is_causal(config.path, path, hub):
            loaded = CausalModel(config.model_copy(update={"format": "plain"}))
            self._model, self._tokenizer = loaded.model.base_model, loaded.encoder.tokenizer
            ends = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
            self._first: list[int] | None = [i for i in ends if i is not None][:1]
        else:
            from transformers import AutoTokenizer

            model, _ = load_weights(AutoModel, path, hub, dtype=config.dtype, device=config.device)
            is_pair = load_config(path, hub).is_encoder_decoder
            self._model = model.get_encoder() if is_pair else model
            with reading_checkpoint(path):
                self._tokenizer = AutoTokenizer.from_pretrained(path, **hub)
            self._first = None
        text_config = self._model.config.get_text_config()
        self._layer = round(layer * text_config.num_hidden_layers)
        window = getattr(text_config, "max_position_embeddings", None) or self._batch_tokens
        self._window = min(window, self._tokenizer.model_max_length)

    @staticmethod
    def _is_causal(given: str, path: str, hub: dict[str, str]) -> bool:
        from isoglot.models.local.adapters import base_of

        if base_of(given) is not None:
            return True
        names = load_config(path, hub).architectures or []
        return any("ForCausalLM" in name for name in names)

    def embed(self, texts: Sequence[str]) -> "list[np.ndarray | None]":
        """Return a unit vector for each text, float32; None for a text without a token of its own,
        and for one that does not fit into the context window."""
        found: list[np.ndarray | None] = [None] * len(texts)

        def fits(batch: list[_Row], row: _Row) -> bool:
            return (len(batch) + 1) * len(row[1]) <= self._batch_tokens

        for batch in split_batches(self._rows(texts), fits):
            indices, ids, own = zip(*batch, strict=True)
            vectors = self._forward(ids, own)
            for i, vector in zip(indices, vectors, strict=True):
                found[i] = vector
        return found

    def _rows(self, texts: Sequence[str]) -> list[_Row]:
        """Encode the texts, the shortest first."""
        if not texts:
            return []
        given = self._tokenizer(
            list(texts),
            add_special_tokens=self._first is None,
            return_special_tokens_mask=True,
            split_special_tokens=True,
        )
        first = self._first or []
        rows = [
            (i, [*first, *ids], [*(0 for _ in first), *(1 - flag for flag in special)])
            for i, (ids, special) in enumerate(
                zip(given["input_ids"], given["special_tokens_mask"], strict=True)
            )
        ]
        fitting = [row for row in rows if any(row[2]) and len(row[1]) <= self._window]
        return sorted(fitting, key=lambda row: len(row[1]))

    def _forward(self, ids: Sequence[list[int]], own: Sequence[list[int]]) -> np.ndarray:
        import torch

        tokens, mask = (each.to(self._model.device) for each in pad(list(ids)))
        weights, _ = pad(list(own), 0)
        with torch.inference_mode():
            states = self._states(tokens, mask).float()
            weights = weights.to(states.device)[..., None]
            means = (states * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(means, dim=-1).cpu().numpy()

    def _states(self, tokens: "Tensor", mask: "Tensor") -> "Tensor":
        given: dict[str, Any] = {"input_ids": tokens, "attention_mask": mask}
        return self._model(**given, output_hidden_states=True).hidden_states[self._layer]
