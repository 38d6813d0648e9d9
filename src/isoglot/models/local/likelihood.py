"""How likely a causal language model of the Hugging Face format finds given continuations.

Nothing is computed twice: the choices share their prompt, and prompts share their passage and their
worked examples, see `prefix_tree`. The head of the model gets only the positions whose logits are
asked for.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from inspect import signature
from math import isclose, isnan, nan
from typing import TYPE_CHECKING, Any

from isoglot.core.errors import InputError
from isoglot.core.protocols import Likelihood, Tick, no_tick
from isoglot.core.records import Prompt
from isoglot.models.local.prefix_tree import NO_END, Row, TokenSequence, runs_of
from isoglot.models.local.transformers import CausalModel, TransformersConfig

if TYPE_CHECKING:
    from torch import Tensor

_MAX_LOGITS = 2**28
"""Logits of a batch, a GiB of them: a large vocabulary makes more of them than of all else."""
_CPU_BATCH_TOKENS = 1024
"""Larger batches leave a processor's caches: measured up to 1.7 times as slow."""
_SMALL_ROW, _CPU_SMALL_ROW = 1024, 256
"""Up to so many tokens attention costs little beside everything else."""


class TransformersLikelihood:
    """A policy or a base model that says how likely continuations are; nothing is generated.

    Tokens are cut as `lm-eval` cuts them, so that figures compare: blanks at the end of the prompt
    move to the continuation, prompt and continuation are tokenised as one text, and what goes
    beyond the number of tokens of the prompt alone is the continuation. An empty prompt is the
    token that begins a text, or else the one that ends it.

    None where a continuation leaves no token of its own, or does not fit into the context window
    together with its prompt: nothing is cut off. Computed in the precision of the model, summed
    over the tokens in double precision.
    """

    def __init__(self, config: TransformersConfig, loaded: CausalModel | None = None) -> None:
        """`loaded` is the model of `config`, where it is in memory already."""
        self.loaded = loaded or CausalModel(config)
        self.name = self.loaded.name
        on_cpu = self.loaded.model.device.type == "cpu"
        self.batch_tokens = min(config.batch_tokens, _CPU_BATCH_TOKENS if on_cpu else sys.maxsize)
        self.small_row = _CPU_SMALL_ROW if on_cpu else _SMALL_ROW
        self.shared_length = self._shared_length()
        """Longest sequence that may share a row; 0 where the model cannot be given trees."""

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """As in the protocol."""
        if len(prompts) != len(continuations):
            raise InputError(
                f"expected continuations for each of {len(prompts)} prompts, got {len(prompts)} "
                f"prompts and continuations of {len(continuations)}; give each prompt a list"
            )
        answers: list[list[Likelihood | None]] = [[None] * len(texts) for texts in continuations]
        sequences = self._sequences(prompts, continuations)
        left = Counter(sequence.place for sequence in sequences)
        for place, prompt in enumerate(prompts):
            if not left[place]:
                tick(1, prompt.language)
        runs = runs_of(sequences, self.shared_length, self.batch_tokens, self.small_row)
        for sequence, answer in self._answers(runs):
            answers[sequence.place][sequence.choice] = answer
            left[sequence.place] -= 1
            if not left[sequence.place]:
                tick(1, prompts[sequence.place].language)
        return answers

    def _sequences(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]]
    ) -> list[TokenSequence]:
        """The token sequences that can be answered."""
        texts = [self.loaded.render(prompt) for prompt in prompts]
        contexts = self.loaded.encode([text.rstrip() for text in texts])
        wholes = iter(
            self.loaded.encode(
                [
                    text + more
                    for text, row in zip(texts, continuations, strict=True)
                    for more in row
                ]
            )
        )
        window = self.loaded.context_window
        sequences = []
        for place, (context, row) in enumerate(zip(contexts, continuations, strict=True)):
            start = self._start() if not context else []
            for choice in range(len(row)):
                continuation = next(wholes)[len(context) :]
                ids = start + context + continuation
                fits = window is None or len(ids) - 1 <= window
                if continuation and len(ids) > len(continuation) and fits:
                    sequences.append(
                        TokenSequence(place, choice, ids, len(ids) - len(continuation))
                    )
        return sequences

    def _start(self) -> list[int]:
        tokenizer = self.loaded.tokenizer
        ids = [tokenizer.bos_token_id, tokenizer.eos_token_id]
        return [i for i in ids if i is not None][:1]

    def _answers(
        self, runs: Sequence[Sequence[Row]]
    ) -> Iterator[tuple[TokenSequence, Likelihood | None]]:
        from transformers import DynamicCache

        for batch in self._batches([run[0] for run in runs if len(run) == 1]):
            yield from self._forward(batch)
        for run in (run for run in runs if len(run) > 1):
            cache = DynamicCache()  # of no config: none of its layers forgets what slides away
            for row in run:
                yield from self._forward([row], cache)
                cache.crop(run[-1].num_known - len(row.ids))

    def _batches(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Neighbours in length, with little padding; chains apart from trees: they need no mask."""
        vocabulary = self.loaded.model.config.get_text_config().vocab_size
        batch: list[Row] = []
        num_logits = padding = 0
        for row in sorted(rows, key=lambda row: (row.is_chain, len(row.ids))):
            num_logits += row.num_scored * vocabulary
            padding += len(batch) * (len(row.ids) - len(batch[-1].ids)) if batch else 0
            full = (len(batch) + 1) * len(row.ids) > self.batch_tokens or num_logits > _MAX_LOGITS
            padded = padding > self.batch_tokens // 8
            if batch and (full or padded or row.is_chain != batch[0].is_chain):
                yield batch
                batch, num_logits, padding = [], row.num_scored * vocabulary, 0
            batch.append(row)
        if batch:
            yield batch

    def _forward(
        self, batch: Sequence[Row], cache: Any = None
    ) -> list[tuple[TokenSequence, Likelihood | None]]:
        """`cache` holds what a row knows, and is given what it computes."""
        import torch

        model, known = self.loaded.model, batch[0].num_known
        width = max(len(row.ids) for row in batch) - known
        ids = _padded([row.ids[known:] for row in batch], width)
        trees = known > 0 or not all(row.is_chain for row in batch)
        inputs = _tree_inputs(batch, known, width, model) if trees else {}
        if cache is not None:
            inputs["past_key_values"] = cache
        scored = [(i, scored) for i, row in enumerate(batch) for scored in row.scored]
        places = [i * width + place - known for i, (_, places) in scored for place in places]
        targets = [token for _, (sequence, _) in scored for token in sequence.continuation]
        unique, inverse = torch.unique(torch.tensor(places), return_inverse=True)
        with torch.inference_mode():
            logits = _logits(model, ids, inputs, unique)
            inverse, wanted = inverse.to(logits.device), torch.tensor(targets).to(logits.device)
            chosen = logits.log_softmax(-1)[inverse, wanted]
            greedy = _are_greedy(logits, inverse, wanted)
        numbers = zip(chosen.tolist(), greedy.tolist(), strict=True)
        answers: list[tuple[TokenSequence, Likelihood | None]] = []
        for _, (sequence, own) in scored:
            values, hits = zip(*(next(numbers) for _ in own), strict=True)
            answer = Likelihood(sum(values), len(own), all(hits))
            answers.append((sequence, None if isnan(answer.log_probability) else answer))
        return answers

    def _shared_length(self) -> int:
        """Whether a branch reads the same beside others as alone, and up to which length.

        Tried out, since a model may read its tokens in their order whatever the mask says.
        """
        model = self.loaded.model
        config = model.config.get_text_config()
        if "position_ids" not in signature(model.forward).parameters:
            return 0
        ids = [config.vocab_size * i // 24 for i in range(1, 21)]
        branches = [TokenSequence(0, i, ids[:5] + ids[i : i + 5], 5) for i in (5, 10, 15)]
        tolerance = 1e-3 if model.dtype.itemsize > 2 else 0.5
        try:
            alone = self._last([branches[2]])
            for known in (0, 4):
                beside = [self._last([branch, branches[2]], known) for branch in branches[:2]]
                # Beside others to the last bit; alone it goes another way through the kernels.
                if not isclose(*beside, abs_tol=1e-4):
                    return 0
                if not isclose(alone, beside[0], abs_tol=tolerance):
                    return 0
        except (ValueError, RuntimeError, TypeError, IndexError, AttributeError):
            return 0  # takes no mask of this shape, or keeps no keys and values
        # Within a window that slides, or in the first of several chunks, every layer sees all.
        windows = [
            getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")
        ]
        return min((window for window in windows if window), default=sys.maxsize)

    def _last(self, sequences: Sequence[TokenSequence], known: int = 0) -> float:
        """Log-probability of the last of sequences that share five tokens, in one row; or in a row
        of its own that knows the first tokens."""
        rows = [Row()]
        for i, sequence in enumerate(sequences):
            if i and known:
                rows.append(Row(sequence.ids[:known]))
            rows[-1].add(sequence, (known or 5) if i else 0)
        answer = list(self._answers([rows]))[-1][1]
        return nan if answer is None else answer.log_probability


def _padded(rows: Sequence[list[int]], width: int, fill: int = 0) -> "Tensor":
    """Filled on the right, where no token of the row sees it."""
    import torch

    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def _tree_inputs(batch: Sequence[Row], known: int, width: int, model: Any) -> dict[str, Any]:
    """Positions, batch * width, and what each token sees, batch * 1 * width * (known + width):
    itself and those before it whose branches have not ended."""
    import torch

    ends = _padded([row.ends for row in batch], known + width, NO_END)
    places = torch.arange(known + width)
    own = places[known:, None]
    sees = (places <= own) & (own < ends[:, None, None, :])
    mask = torch.zeros(sees.shape, dtype=model.dtype)
    mask.masked_fill_(~sees, -torch.inf)  # each token sees itself, so that no row is all infinite
    return {
        "position_ids": _padded([row.depths[known:] for row in batch], width).to(model.device),
        "attention_mask": mask.to(model.device),
    }


def _are_greedy(logits: "Tensor", places: "Tensor", wanted: "Tensor") -> "Tensor":
    """Whether greedy decoding would write the wanted token; of equals it writes the first."""
    greedy = logits[places, wanted] == logits.amax(-1)[places]
    # The place of a maximum takes far longer to find than its value, and is seldom needed.
    candidates = greedy.nonzero()[:, 0]
    greedy[candidates] = logits[places[candidates]].argmax(-1) == wanted[candidates]
    return greedy


def _logits(model: Any, ids: "Tensor", inputs: dict[str, Any], places: "Tensor") -> "Tensor":
    """Logits at places of the flattened batch, len(places) * vocabulary, in single precision.

    A hook keeps all other places from the head, and not a call of the head by hand: what a model
    does to its logits afterwards (scaling, caps) is done.
    """

    def select(_head: Any, args: tuple["Tensor", ...]) -> tuple["Tensor", ...]:
        hidden = args[0].flatten(0, 1)
        return (hidden[places.to(hidden.device)][None], *args[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        use_cache = "past_key_values" in inputs
        out = model(input_ids=ids.to(model.device), use_cache=use_cache, **inputs)
    finally:
        hook.remove()
    return out.logits[0].float()
