"""Log-likelihoods of given continuations under a causal language model of this process.

Nothing is computed twice: choices share their prompt, and prompts share their passage and their
worked examples (see `prefix_tree`). The head of the model sees only the positions whose logits are
needed.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from math import isclose, isnan, nan
from typing import TYPE_CHECKING, Any

from isoglot.core.protocols import Likelihood, Tick, no_tick
from isoglot.core.records import Prompt
from isoglot.models.batches import pad
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.prefix_tree import NO_END, TokenSequence, TreeRow, lay_out
from isoglot.models.local.transformers import CausalModel

if TYPE_CHECKING:
    from torch import Tensor

_MAX_LOGITS = 2**28
"""Logits of a batch (1 GiB): with a large vocabulary they need more memory than all else."""
_CPU_BATCH_TOKENS = 1024
"""Larger batches do not fit into a CPU's caches: measured up to 1.7 times as slow."""
_SMALL_ROW, _CPU_SMALL_ROW = 1024, 256
"""Number of tokens up to which the cost of attention is negligible."""


class TransformersLikelihood:
    """Computes log-likelihoods of continuations; nothing is generated.

    None for a continuation that `PromptEncoder.sequences` leaves out: nothing is truncated.
    Computed in the precision of the model, summed over the tokens in double precision.
    """

    def __init__(self, config: WeightsConfig, loaded: CausalModel | None = None) -> None:
        """`loaded` is the model of `config` if it is in memory already."""
        self.loaded = loaded or CausalModel(config)
        self.name = self.loaded.encoder.name
        on_cpu = self.loaded.model.device.type == "cpu"
        self.batch_tokens = min(config.batch_tokens, _CPU_BATCH_TOKENS if on_cpu else sys.maxsize)
        self.small_row = _CPU_SMALL_ROW if on_cpu else _SMALL_ROW
        self.shared_length = self._shared_length()
        """Longest sequence that may share a row; 0 if the model does not support trees."""

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """See `LikelihoodModel.log_likelihoods`."""
        answers: list[list[Likelihood | None]] = [[None] * len(texts) for texts in continuations]
        sequences = self.loaded.encoder.sequences(
            prompts, continuations, self.loaded.context_window
        )
        left = Counter(sequence.prompt for sequence in sequences)
        for i, prompt in enumerate(prompts):
            if not left[i]:
                tick(1, prompt.language)
        runs = lay_out(sequences, self.shared_length, self.batch_tokens, self.small_row)
        for sequence, answer in self._answers(runs):
            answers[sequence.prompt][sequence.choice] = answer
            left[sequence.prompt] -= 1
            if not left[sequence.prompt]:
                tick(1, prompts[sequence.prompt].language)
        return answers

    def _answers(
        self, runs: Sequence[Sequence[TreeRow]]
    ) -> Iterator[tuple[TokenSequence, Likelihood | None]]:
        from transformers import DynamicCache

        for batch in self._batches([run[0] for run in runs if len(run) == 1]):
            yield from self._forward(batch)
        for run in (run for run in runs if len(run) > 1):
            cache = DynamicCache()  # without a config, so that no layer drops what slides away
            for row in run:
                yield from self._forward([row], cache)
                with _model_code(self.loaded.model):
                    cache.crop(run[-1].num_known - len(row.ids))

    def _batches(self, rows: Sequence[TreeRow]) -> Iterator[list[TreeRow]]:
        """Batch rows of similar length; chains need no mask, so they are apart from trees."""
        vocabulary = self.loaded.model.config.get_text_config().vocab_size
        batch: list[TreeRow] = []
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
        self, batch: Sequence[TreeRow], cache: Any = None
    ) -> list[tuple[TokenSequence, Likelihood | None]]:
        """Compute the likelihoods of a batch; a cache is read for the known tokens and updated."""
        import torch

        model, known = self.loaded.model, batch[0].num_known
        width = max(len(row.ids) for row in batch) - known
        ids, _ = pad([row.ids[known:] for row in batch], 0)  # no token of a row sees its padding
        trees = known > 0 or not all(row.is_chain for row in batch)
        inputs = _tree_inputs(batch, known, width, model) if trees else {}
        if cache is not None:
            inputs["past_key_values"] = cache
        scored = [(i, *scored) for i, row in enumerate(batch) for scored in row.scored]
        flat = [i * width + each - known for i, _, positions in scored for each in positions]
        targets = [token for _, sequence, _ in scored for token in sequence.continuation]
        unique, inverse = torch.unique(torch.tensor(flat), return_inverse=True)
        with torch.inference_mode():
            logits = _logits(model, ids, inputs, unique)
            inverse, wanted = inverse.to(logits.device), torch.tensor(targets).to(logits.device)
            chosen = logits.log_softmax(-1)[inverse, wanted]
            greedy = _are_greedy(logits, inverse, wanted)
        numbers = zip(chosen.tolist(), greedy.tolist(), strict=True)
        answers: list[tuple[TokenSequence, Likelihood | None]] = []
        for _, sequence, positions in scored:
            values, hits = zip(*(next(numbers) for _ in positions), strict=True)
            answer = Likelihood(sum(values), len(positions), all(hits))
            answers.append((sequence, None if isnan(answer.log_probability) else answer))
        return answers

    def _shared_length(self) -> int:
        """Return the length up to which a branch has the same likelihood in a tree as alone.

        This is tried out, since a model may read its tokens in order whatever the mask says.
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
                trees = [self._last([branch, branches[2]], known) for branch in branches[:2]]
                # Equal to the last bits in any tree; alone, the kernels may differ.
                is_equal = isclose(*trees, abs_tol=1e-4)
                if not (is_equal and isclose(alone, trees[0], abs_tol=tolerance)):
                    return 0
        except _ForwardError:
            return 0  # takes no mask of this shape, or keeps no keys and values
        # Within a sliding window, or in the first of several chunks, every layer sees all tokens.
        names = ("sliding_window", "attention_chunk_size")
        windows = [getattr(config, name, None) for name in names]
        return min(filter(None, windows), default=sys.maxsize)

    def _last(self, sequences: Sequence[TokenSequence], known: int = 0) -> float:
        """Return the log-probability of the last of sequences that share five tokens, in one row or
        in a row of its own that knows the first tokens."""
        rows = [TreeRow()]
        for i, sequence in enumerate(sequences):
            if i and known:
                rows.append(TreeRow(sequence.ids[:known]))
            rows[-1].add(sequence, (known or 5) if i else 0)
        answer = list(self._answers([rows]))[-1][1]
        return nan if answer is None else answer.log_probability


def _tree_inputs(batch: Sequence[TreeRow], known: int, width: int, model: Any) -> dict[str, Any]:
    """Return positions, batch * width, and an attention mask, batch * 1 * width * (known + width).

    A token sees itself and the tokens before it whose branches have not ended.
    """
    import torch

    ends, _ = pad([row.ends for row in batch], NO_END)
    depths, _ = pad([row.depths[known:] for row in batch], 0)
    indices = torch.arange(known + width)
    own = indices[known:, None]
    sees = (indices <= own) & (own < ends[:, None, None, :])
    mask = torch.zeros(sees.shape, dtype=model.dtype)
    mask.masked_fill_(~sees, -torch.inf)  # each token sees itself, so that no row is all infinite
    return {"position_ids": depths.to(model.device), "attention_mask": mask.to(model.device)}


def _are_greedy(logits: "Tensor", rows: "Tensor", wanted: "Tensor") -> "Tensor":
    """Return whether greedy decoding would write each wanted token; on a tie it takes the first."""
    greedy = logits[rows, wanted] == logits.amax(-1)[rows]
    # The index of a maximum takes far longer to find than its value, and is seldom needed.
    candidates = greedy.nonzero()[:, 0]
    greedy[candidates] = logits[rows[candidates]].argmax(-1) == wanted[candidates]
    return greedy


class _ForwardError(RuntimeError):
    """The model's own code failed, as it may with the mask or the cache of a tree."""


@contextmanager
def _model_code(model: Any) -> Iterator[None]:
    """Distinguish failures of the model's code from bugs of this module."""
    try:
        yield
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError) as error:
        raise _ForwardError(f"{type(model).__name__}: {error}") from error


def _logits(model: Any, ids: "Tensor", inputs: dict[str, Any], positions: "Tensor") -> "Tensor":
    """Return the logits at positions of the flattened batch, len(positions) * vocabulary, float32.

    A hook keeps all other positions from the head, in place of a call of the head by hand, so that
    whatever the model does to its logits afterwards (scaling, caps) is done.
    """

    def select(_head: Any, args: tuple["Tensor", ...]) -> tuple["Tensor", ...]:
        hidden = args[0].flatten(0, 1)
        return (hidden[positions.to(hidden.device)][None], *args[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        use_cache = "past_key_values" in inputs
        with _model_code(model):
            out = model(input_ids=ids.to(model.device), use_cache=use_cache, **inputs)
    finally:
        hook.remove()
    return out.logits[0].float()
