"""Encoder-decoder translation models: NLLB-200, M2M100, MADLAD-400 and similar ones.

They are trained on single sentences and drop or repeat some of several, so a text is split first
(`core/layout.py`). The codes of languages are read from each model's vocabulary.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError, require
from isoglot.core.layout import Piece, join_pieces, pieces_of
from isoglot.core.protocols import Dtype, Sampled, Tick, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.models.batches import pad, split_batches
from isoglot.models.local.checkpoint import reading_checkpoint
from isoglot.models.local.special import SpecialTokens
from isoglot.models.local.weights import (
    folder_revision,
    load_weights,
    located,
    model_name,
    model_revision,
)
from isoglot.models.translation.codes import Codes

if TYPE_CHECKING:
    from torch import Tensor

_CT2_FILES = ("model.bin", "*.json", "*.model", "*.txt")


class Seq2SeqConfig(Section):
    """A translation model, run sentence by sentence in this process.

    For `backend: ctranslate2`, `path` is a folder that was converted once with

        ct2-transformers-converter --model facebook/nllb-200-distilled-600M --quantization int8 \
            --output_dir nllb-ct2 --copy_files tokenizer.json tokenizer_config.json \
            sentencepiece.bpe.model
    """

    engine: Literal["seq2seq"] = "seq2seq"
    path: str
    """A local folder or a Hugging Face hub id, such as `facebook/nllb-200-3.3B`."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder is identified by its content."""
    backend: Literal["transformers", "ctranslate2"] = "transformers"
    """The library that runs it."""
    dtype: Dtype = "auto"
    """`auto` is the precision in which the checkpoint was saved; ctranslate2 also has `int8`,
    `int8_float16` and others."""
    device: str = "auto"
    """`auto` is the accelerator, or else the processor; otherwise as in torch."""
    batch_tokens: int = Field(8_192, ge=1)
    """Upper bound of sentences * (longest sentence + `max_new_tokens`) * `num_beams` of a batch."""
    num_beams: int = Field(4, ge=1)
    """1 is greedy decoding."""
    max_new_tokens: int = Field(256, ge=1)
    """For one sentence; a translation that reaches it is cut off."""


class _Row(NamedTuple):
    """A tokenised sentence."""

    text: int
    """Index of its text."""
    sentence: int
    """Index of the sentence in the text."""
    tokens: list[int]
    start: list[int]
    """Tokens with which the translation begins."""


class _Given(NamedTuple):
    """A tokenised text, and the tokens of a translation of it, without codes and EOS."""

    row: _Row
    labels: list[int]


class _Generated(NamedTuple):
    """The model's translation of a sentence."""

    ids: list[int]
    ended: bool
    log_probability: float = 0.0
    """Natural logarithm, summed over the tokens including EOS."""


class Seq2SeqTranslator:
    """Translates with an encoder-decoder model.

    Code, addresses, placeholders, line breaks and list markers are kept byte for byte. An answer
    has finish reason `error` if a sentence lost one of them, is empty or too long for the model,
    and `length` if one was cut off; either way it has no text. Each has the mean log-probability of
    the tokens of all its sentences under the model; None for a text without sentences.

    Raises InputError if there is no model, or, before anything runs, for a language that the model
    does not know.
    """

    def __init__(self, config: Seq2SeqConfig, languages: Sequence[str] = ()) -> None:
        self.name = seq2seq_name(config)
        self._config = config
        self._tokenizer, self.codes = load_codes(config, languages)
        self._special = SpecialTokens(self._tokenizer)
        backend = _CTranslate2Backend if config.backend == "ctranslate2" else _TransformersBackend
        self._backend = backend(config, self._tokenizer)

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """See `Translator.translate`."""
        for tag in dict.fromkeys([*sources, *targets]):
            self.codes.token(tag)
        layouts = [pieces_of(text, tag) for text, tag in zip(texts, sources, strict=True)]
        pairs = zip(layouts, sources, targets, strict=True)
        rows = [row for i, each in enumerate(pairs) for row in self._rows(i, *each)]
        answers: dict[tuple[int, int], tuple[str, _Generated]] = {}
        num_sentences = [sum(piece.is_sentence for piece in pieces) for pieces in layouts]
        missing = list(num_sentences)
        for i in (i for i, num in enumerate(num_sentences) if not num):
            tick(1, targets[i])
        # The longest first, so that a batch that is too large for the memory fails at once.
        for batch in split_batches(sorted(rows, key=lambda row: -len(row.tokens)), self._fits):
            for row, generated in zip(batch, self._generate(batch), strict=True):
                text = self._tokenizer.decode(generated.ids, skip_special_tokens=True)
                answers[row.text, row.sentence] = (text, generated)
                missing[row.text] -= 1
                tick(int(not missing[row.text]), targets[row.text], len(generated.ids))
        return [
            _join(pieces, [answers[i, j] for j in range(num_sentences[i])], targets[i])
            for i, pieces in enumerate(layouts)
        ]

    def log_probabilities(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        translations: Sequence[str],
        targets: Sequence[str],
    ) -> list[float | None]:
        """Return the mean log-probability of a token of each given translation, its end included.

        Text and translation are read whole, not sentence by sentence, since their sentences need
        not correspond. None where one of them is too long for the model, or the text is empty.
        """
        found: list[float | None] = [None] * len(texts)
        window = self._backend.window or sys.maxsize
        rows: list[_Given] = []
        both = zip(texts, sources, translations, targets, strict=True)
        for i, (text, source, translation, target) in enumerate(both):
            ids, labels = self._special.encode([*map(self._special.mark, (text, translation))])
            row = self._row(i, 0, ids, source, target)
            if ids and max(len(row.tokens), len(labels) + 3) <= window:
                rows.append(_Given(row, labels))

        def fits(batch: list[_Given], given: _Given) -> bool:
            width = len(given.row.tokens) + len(given.labels)
            return (len(batch) + 1) * width <= self._config.batch_tokens

        rows.sort(key=lambda given: len(given.row.tokens) + len(given.labels))
        for batch in split_batches(rows, fits):
            for given, total in zip(batch, self._backend.log_probabilities(batch), strict=True):
                found[given.row.text] = total / (len(given.labels) + 1)
        return found

    def _rows(self, text: int, pieces: Sequence[Piece], source: str, target: str) -> Iterator[_Row]:
        sentences = [piece.text for piece in pieces if piece.is_sentence]
        if not sentences:
            return
        ids = self._special.encode([*map(self._special.mark, sentences)])
        yield from (self._row(text, i, row, source, target) for i, row in enumerate(ids))

    def _row(self, text: int, place: int, ids: list[int], source: str, target: str) -> _Row:
        to, eos = self._id(target), self._tokenizer.eos_token_id
        is_madlad = self.codes.form == "madlad"
        before = [to] if is_madlad else [self._id(source)]
        return _Row(text, place, [*before, *ids, eos], [] if is_madlad else [to])

    def _id(self, tag: str) -> int:
        return self._tokenizer.convert_tokens_to_ids(self.codes.token(tag))

    def _fits(self, batch: list[_Row], _row: _Row) -> bool:
        width = len(batch[0].tokens) + self._config.max_new_tokens
        return (len(batch) + 1) * width * self._config.num_beams <= self._config.batch_tokens

    def _generate(self, batch: Sequence[_Row]) -> list[_Generated]:
        """Translate a batch; a sentence that is too long for the model gets an empty answer."""
        window = self._backend.window
        fits = [window is None or len(row.tokens) <= window for row in batch]
        short = [row for row, fit in zip(batch, fits, strict=True) if fit]
        generated = iter(self._backend.generate(short) if short else [])
        return [next(generated) if fit else _Generated([], ended=True) for fit in fits]


class _TransformersBackend:
    def __init__(self, config: Seq2SeqConfig, tokenizer: Any) -> None:
        from transformers import AutoModelForSeq2SeqLM, GenerationConfig

        path, hub = located(config.path, config.revision)
        self.model, _ = load_weights(
            AutoModelForSeq2SeqLM, path, hub, dtype=config.dtype, device=config.device
        )
        self.window = getattr(self.model.config, "max_position_embeddings", None)
        self._limit = config.max_new_tokens
        self._eos, self._pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        self._start = self.model.config.decoder_start_token_id
        # The checkpoint's own may force a language or a length.
        self.model.generation_config = GenerationConfig(
            eos_token_id=self._eos,
            pad_token_id=self._pad,
            decoder_start_token_id=self._start,
            num_beams=config.num_beams,
            suppress_tokens=[tokenizer.unk_token_id],  # it would leave a gap in the text
        )

    def generate(self, rows: Sequence[_Row]) -> list[_Generated]:
        import torch

        ids, mask = pad([row.tokens for row in rows], self._pad)
        device = self.model.device
        begin = torch.tensor([[self._start, *row.start] for row in rows], device=device)
        limit = min(self._limit, (self.window or self._limit + 2) - begin.shape[1])
        inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
        with torch.inference_mode():
            out = self.model.generate(
                **inputs, decoder_input_ids=begin, max_new_tokens=limit, do_sample=False
            )
            sums = sum_log_probabilities(self.model, inputs, out, begin.shape[1], self._eos)
        new = out[:, begin.shape[1] :].tolist()
        return [self._until_end(*pair) for pair in zip(new, sums, strict=True)]

    def log_probabilities(self, batch: Sequence[_Given]) -> list[float]:
        """Sum the log-probabilities of the tokens of each translation and of its EOS."""
        import torch

        ids, mask = pad([given.row.tokens for given in batch], self._pad)
        wholes = [[self._start, *each.row.start, *each.labels, self._eos] for each in batch]
        out, _ = pad(wholes, self._eos)  # after the first EOS nothing counts
        device = self.model.device
        inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
        begin = 1 + len(batch[0].row.start)
        with torch.inference_mode():
            return sum_log_probabilities(self.model, inputs, out.to(device), begin, self._eos)

    def _until_end(self, ids: list[int], log_probability: float) -> _Generated:
        ended = self._eos in ids
        return _Generated(ids[: ids.index(self._eos)] if ended else ids, ended, log_probability)


class _CTranslate2Backend:
    window: int | None = None

    def __init__(self, config: Seq2SeqConfig, tokenizer: Any) -> None:
        require("ctranslate2", "backend ctranslate2")
        import ctranslate2

        self._config = config
        self._tokenizer = tokenizer
        self._translator = ctranslate2.Translator(
            str(Path(config.path).expanduser()),
            device=config.device,
            compute_type="default" if config.dtype == "auto" else config.dtype,
        )

    def generate(self, rows: Sequence[_Row]) -> list[_Generated]:
        tokens = self._tokenizer.convert_ids_to_tokens
        sources = [tokens(row.tokens) for row in rows]
        size = {"max_batch_size": self._config.batch_tokens, "batch_type": "tokens"}
        results = self._translator.translate_batch(
            sources,
            target_prefix=[tokens(row.start) for row in rows] if rows[0].start else None,
            beam_size=self._config.num_beams,
            max_input_length=0,
            min_decoding_length=0,
            disable_unk=True,
            max_decoding_length=self._config.max_new_tokens,
            return_end_token=True,
            **size,
        )
        best = [result.hypotheses[0] for result in results]
        eos = self._tokenizer.eos_token
        scored = [[token for token in each if token != eos] for each in best]
        scores = self._translator.score_batch(sources, scored, **size)
        return [
            self._read(row, each, score.log_probs)
            for row, each, score in zip(rows, best, scores, strict=True)
        ]

    def log_probabilities(self, batch: Sequence[_Given]) -> list[float]:
        """Sum the log-probabilities of the tokens of each translation and of its EOS."""
        tokens = self._tokenizer.convert_ids_to_tokens
        scores = self._translator.score_batch(
            [tokens(given.row.tokens) for given in batch],
            [tokens([*given.row.start, *given.labels]) for given in batch],
            max_batch_size=self._config.batch_tokens,
            batch_type="tokens",
        )
        return [
            sum(score.log_probs[len(given.row.start) :])
            for given, score in zip(batch, scores, strict=True)
        ]

    def _read(self, row: _Row, tokens: list[str], log_probabilities: list[float]) -> _Generated:
        ids = self._tokenizer.convert_tokens_to_ids(tokens)[len(row.start) :]
        eos = self._tokenizer.eos_token_id
        ended = eos in ids
        new = log_probabilities[len(row.start) :]  # EOS is the last, generated or not
        return _Generated([i for i in ids if i != eos], ended, sum(new if ended else new[:-1]))


def sum_log_probabilities(
    model: Any,
    inputs: "Mapping[str, Tensor]",
    out: "Tensor",
    start: int,
    eos: int,
    max_scores: int = 2**27,
) -> list[float]:
    """Sum the log-probabilities of each row from position `start` to its EOS, in one more pass.

    `generate` would keep the scores of every step and beam: gigabytes with the vocabulary of NLLB.
    Here at most `max_scores` of them (tokens * vocabulary, 512 MiB) are in memory at a time.
    """
    labels = out[:, start:]
    is_end = labels == eos
    follows_end = is_end.cumsum(1) > is_end.long()
    num = max(1, max_scores // (out.shape[1] * model.config.vocab_size))
    sums: list[float] = []
    for rows in (slice(first, first + num) for first in range(0, len(out), num)):
        part = {name: each[rows] for name, each in inputs.items()}
        logits = model(**part, decoder_input_ids=out[rows, :-1]).logits[:, start - 1 :].float()
        chosen = logits.gather(2, labels[rows, :, None])[..., 0] - logits.logsumexp(-1)
        sums += chosen.masked_fill(follows_end[rows], 0).sum(1).tolist()
    return sums


def seq2seq_revision(config: Seq2SeqConfig) -> str:
    """Identify the weights without loading them."""
    if config.backend == "transformers":
        return model_revision(config.path, config.revision)
    folder = Path(config.path).expanduser()
    if not (folder / "model.bin").is_file():
        raise InputError(
            f"expected a folder of ctranslate2 with model.bin, got {config.path!r}; make it with "
            f"ct2-transformers-converter"
        )
    return folder_revision(folder, _CT2_FILES)


def seq2seq_name(config: Seq2SeqConfig) -> str:
    """Return `model@revision` without loading the model."""
    if config.backend == "transformers":
        return model_name(config.path, config.revision)
    folder = Path(config.path).expanduser().resolve()
    return f"{folder.name}@{seq2seq_revision(config)}"


def load_codes(config: Seq2SeqConfig, languages: Sequence[str]) -> tuple[Any, Codes]:
    """Load the tokenizer and its codes; raise InputError for a language that it lacks."""
    from transformers import AutoTokenizer

    path, hub = located(config.path, config.revision)
    with reading_checkpoint(path):
        tokenizer = AutoTokenizer.from_pretrained(path, **hub)
    codes = Codes(tokenizer)
    for tag in languages:
        codes.token(tag)
    return tokenizer, codes


def _join(
    pieces: Sequence[Piece], sentences: Sequence[tuple[str, _Generated]], target: str
) -> Sampled:
    if not all(generated.ended for _, generated in sentences):
        return Sampled("", FinishReason.LENGTH)
    text = join_pieces(pieces, [text for text, _ in sentences], target)
    if text is None:
        return Sampled("", FinishReason.ERROR)
    num = sum(len(generated.ids) + generated.ended for _, generated in sentences)
    total = sum(generated.log_probability for _, generated in sentences)
    return Sampled(text, FinishReason.STOP, total / num if num else None)
