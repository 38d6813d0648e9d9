"""A causal language model of the Hugging Face format, run in this process."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.thinking import ThoughtMarks
from isoglot.models.batches import pad, split_batches
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.encoder import PromptEncoder
from isoglot.models.local.template import eos_ids
from isoglot.models.local.weights import load_weights

if TYPE_CHECKING:
    from torch import Tensor


class CausalModel:
    """A model in memory, with the encoder of its prompts; raises as `PromptEncoder` does."""

    def __init__(self, config: WeightsConfig) -> None:
        from transformers import AutoModelForCausalLM

        self.encoder = PromptEncoder(config)
        path, hub, adapters = self.encoder.weights
        self.model, missing = load_weights(
            AutoModelForCausalLM,
            path,
            hub,
            dtype=config.dtype,
            device=config.device,
            adapters=adapters,
        )
        if missing:
            raise InputError(
                f"expected all weights that config.json names in {path}, got none for {missing[0]} "
                f"and {len(missing) - 1} others; fetch or save the checkpoint again"
            )

    @classmethod
    def in_training(
        cls, model: Any, tokenizer: Any, name: str, marks: ThoughtMarks = "auto"
    ) -> "CausalModel":
        """Wrap a model that a trainer has in memory."""
        loaded = cls.__new__(cls)
        loaded.model, loaded.encoder = model, PromptEncoder.of_tokenizer(tokenizer, name, marks)
        return loaded

    @property
    def context_window(self) -> int | None:
        """Maximum number of tokens; None if the model's config gives none."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)


class _Row(NamedTuple):
    prompt: int
    """Index of its prompt."""
    ids: list[int]
    limit: int
    """New tokens for this row: `max_new_tokens`, or what the context window leaves of them."""
    text: str
    """The rendered prompt."""


class TransformersSampler:
    """Sampler that decodes in this process, greedily or with a seed.

    A completion ends at any EOS id of the generation config or the tokenizer. Decoding settings of
    the checkpoint are ignored, since the recipe gives them. Without a pad token the EOS token pads.
    Raises InputError if there is no model, no chat template or no end-of-turn token.
    """

    def __init__(self, config: WeightsConfig, loaded: CausalModel | None = None) -> None:
        from transformers import GenerationConfig

        self.loaded = loaded or CausalModel(config)
        self.encoder = self.loaded.encoder
        self.name, self.batch_tokens = self.encoder.name, config.batch_tokens
        self.model, self.tokenizer = self.loaded.model, self.encoder.tokenizer
        self.eos_ids = eos_ids(
            self.model.generation_config.eos_token_id, self.tokenizer.eos_token_id
        )
        if not self.eos_ids:
            raise InputError(
                f"expected a model with an end-of-turn token, got none in {config.path}; "
                f"set eos_token_id in its generation_config.json"
            )
        pad_id = self.tokenizer.pad_token_id
        # The checkpoint's own may hold temperature or top_k, which generate would merge in.
        self.model.generation_config = GenerationConfig(
            eos_token_id=self.eos_ids, pad_token_id=self.eos_ids[0] if pad_id is None else pad_id
        )

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. A prompt that fills the context window has reason `error`."""
        sampling.require_distinct_samples()
        answers = [[Sampled("", FinishReason.ERROR)] * sampling.num_samples for _ in prompts]
        rows = self._rows(prompts, sampling.max_new_tokens)
        for row in (row for row in rows if row.limit < 1):
            tick(1, prompts[row.prompt].language)
        for batch in self._batches([row for row in rows if row.limit >= 1], sampling.num_samples):
            seed = content_id(str(sampling.seed), *(prompts[row.prompt].prompt_id for row in batch))
            language = prompts[batch[-1].prompt].language
            written = _TokenTicks(tick, language, self.eos_ids)
            sampled = self._generate(batch, sampling, int(seed, 16) >> 1, written)
            for row, samples in zip(batch, sampled, strict=True):
                answers[row.prompt] = samples
            written.flush()
            tick(len(batch), language)
        return answers

    def _rows(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[_Row]:
        """Encode the prompts, the shortest first."""
        texts = [self.encoder.render(prompt) for prompt in prompts]
        window = self.loaded.context_window
        rows = []
        for i, (ids, text) in enumerate(zip(self.encoder.encode(texts), texts, strict=True)):
            room = max_new_tokens if window is None else window - len(ids)
            rows.append(_Row(i, ids, min(max_new_tokens, room), text))
        return sorted(rows, key=lambda row: len(row.ids))

    def _batches(self, rows: Sequence[_Row], num_samples: int) -> Iterator[list[_Row]]:
        """Batch sorted rows by the token budget, each with one limit for all of its rows, so that
        no completion depends on the rest of the batch."""

        def fits(batch: list[_Row], row: _Row) -> bool:
            num_tokens = (len(batch) + 1) * num_samples * (len(row.ids) + row.limit)
            return num_tokens <= self.batch_tokens and row.limit == batch[0].limit

        return split_batches(rows, fits)

    def _generate(
        self, batch: list[_Row], sampling: Sampling, seed: int, written: "_TokenTicks"
    ) -> list[list[Sampled]]:
        import torch

        ids, mask = pad([row.ids for row in batch], left=True)
        device, start = self.model.device, ids.shape[1]
        seeded = [device] if device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(seeded):
            torch.manual_seed(seed)
            out = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=batch[0].limit,
                repetition_penalty=sampling.repetition_penalty,
                num_return_sequences=sampling.num_samples,
                disable_compile=True,
                stopping_criteria=[written, *self._stopping(sampling.stop, start)],
                logits_processor=self._thinking_limit(batch, sampling, start),
                **_decoding(sampling),
                **self._cache(start + batch[0].limit),
            )
        n = sampling.num_samples
        answers = [
            self.encoder.answer(
                new,
                self.eos_ids,
                sampling.stop,
                thinks=self.encoder.opens_thinking(batch[i // n].text),
            )
            for i, new in enumerate(out[:, start:].tolist())
        ]
        return [answers[i : i + n] for i in range(0, len(answers), n)]

    def _thinking_limit(
        self, batch: Sequence[_Row], sampling: Sampling, start: int
    ) -> list[Callable[..., "Tensor"]]:
        """End the thoughts of a batch at `max_thinking_tokens`: their closing marks are written."""
        if sampling.max_thinking_tokens is None:
            return []
        first, n = start + sampling.max_thinking_tokens, sampling.num_samples
        closing: list[list[int]] = []

        def limited(ids: "Tensor", scores: "Tensor") -> "Tensor":
            if ids.shape[1] == first:
                closing[:] = [
                    self.encoder.closing_ids(batch[i // n].text, new, self.eos_ids)
                    for i, new in enumerate(ids[:, start:].tolist())
                ]
            for i, tokens in enumerate(closing):
                if ids.shape[1] - first < len(tokens):
                    scores[i] = -math.inf
                    scores[i, tokens[ids.shape[1] - first]] = 0
            return scores

        return [limited]

    def _cache(self, width: int) -> dict[str, Any]:
        """Make a cache of the batch's own size: a growing one is copied at every token, and the one
        that generate makes on request keeps the size of the longest batch so far."""
        from transformers import StaticCache

        if not getattr(self.model, "_can_compile_fullgraph", False):
            return {}  # state-space models and others with a cache of their own
        return {"past_key_values": StaticCache(config=self.model.config, max_cache_len=width)}

    def _stopping(self, stop: Sequence[str], start: int) -> list[Callable[..., "Tensor"]]:
        """End a row whose newest tokens complete a stop string; the prompt does not count."""
        import torch

        if not stop:
            return []
        # A token is at least one byte; a few more tokens before it may change how it is decoded.
        tail = max(len(text.encode()) for text in stop) + 4

        def ended(ids: "Tensor", _scores: "Tensor", **_: Any) -> "Tensor":
            rows = ids[:, max(start, ids.shape[1] - tail) :].tolist()
            return torch.tensor(
                [any(end in text for end in stop) for text in map(self.encoder.decode, rows)],
                device=ids.device,
            )

        return [ended]


class _TokenTicks:
    """A stopping criterion that stops nothing, and ticks the tokens of a batch as they come."""

    _EVERY = 16
    """Steps between two ticks: an accelerator waits for each."""

    def __init__(self, tick: Tick, language: str, eos_ids: Sequence[int]) -> None:
        self._tick = tick
        self._language = language
        self._eos_ids = eos_ids
        self._num_steps = 0
        self._at_work: Any = None
        self._num_new: Any = 0

    def __call__(self, ids: "Tensor", _scores: "Tensor", **_: Any) -> "Tensor":
        import torch

        if self._at_work is None:
            self._at_work = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
            self._ends = torch.tensor(self._eos_ids, device=ids.device)
        self._num_new += self._at_work.sum()  # the end counts, what fills a row up after it not
        self._at_work &= ~torch.isin(ids[:, -1], self._ends)
        self._num_steps += 1
        if self._num_steps % self._EVERY == 0:
            self.flush()
        return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)

    def flush(self) -> None:
        """Tick the tokens since the last tick."""
        self._tick(0, self._language, int(self._num_new))
        self._num_new = 0


def _decoding(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"do_sample": False}
    settings = sampling.model_dump(include={"temperature", "top_p"})
    return {"do_sample": True, "top_k": 0, **settings}
