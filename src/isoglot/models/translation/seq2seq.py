"""Translation models of the encoder-decoder kind: NLLB-200, M2M100, MADLAD-400, and their like.

They are made for one sentence and drop or repeat some when they get several, so a text is taken
apart first (`layout.py`). What each model calls a language is read from its own vocabulary.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.layout import Piece, joined, pieces_of
from isoglot.core.protocols import Sampled, Tick, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.models.local.transformers import (
    file_hash,
    located,
    model_name,
    model_revision,
    placement,
)
from isoglot.models.translation.codes import Codes

if TYPE_CHECKING:
    from torch import Tensor

_CT2_FILES = ("model.bin", "*.json", "*.model", "*.txt")
_REVISION_DIGITS = 12


class Seq2SeqConfig(Section):
    """A translation model, run sentence by sentence in this process.

    For `backend: ctranslate2`, `path` is a folder that was made once with

        ct2-transformers-converter --model facebook/nllb-200-distilled-600M --quantization int8 \
            --output_dir nllb-ct2 --copy_files tokenizer.json tokenizer_config.json \
            sentencepiece.bpe.model
    """

    kind: Literal["seq2seq"] = "seq2seq"
    path: str
    """A local folder or a Hugging Face hub id, such as `facebook/nllb-200-3.3B`."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    backend: Literal["transformers", "ctranslate2"] = "transformers"
    dtype: str = "auto"
    """`auto` is the precision in which the checkpoint was saved; `int8`, `int8_float16` and such
    for ctranslate2."""
    device: str = "auto"
    batch_tokens: int = Field(8_192, ge=1)
    """Upper bound of sentences * (longest sentence + `max_new_tokens`) * `num_beams` of a batch."""
    num_beams: int = Field(4, ge=1)
    """1 is greedy decoding."""
    max_new_tokens: int = Field(256, ge=1)
    """Of one sentence; a translation that reaches it is cut off."""


class _Row(NamedTuple):
    """A sentence on its way to the model."""

    text: int
    place: int
    """Of which text, and which of its sentences."""
    tokens: list[int]
    start: list[int]
    """What the answer begins with."""


class _Found(NamedTuple):
    """What the model wrote for a sentence."""

    ids: list[int]
    ended: bool
    log_probability: float = 0.0
    """Natural logarithm, summed over the tokens, of which the end is one."""

    @property
    def num_tokens(self) -> int:
        return len(self.ids) + self.ended


class _Backend(Protocol):
    window: int | None

    def generate(self, rows: Sequence[_Row]) -> list[_Found]:
        """The answer to each."""
        ...


class Seq2SeqTranslator:
    """Translates with an encoder-decoder model.

    Code, addresses, placeholders, line breaks and list markers come back byte for byte. An answer
    has finish reason `error` where a sentence lost one of them, is empty or too long for the model,
    and `length` where one was cut off; either way it has no text. Each has the log-probability of
    its tokens by the model that wrote them, all sentences together; None where nothing was said.

    Raises InputError where no model stands, or before anything runs for a language that the model
    does not know.
    """

    def __init__(self, config: Seq2SeqConfig, languages: Sequence[str] = ()) -> None:
        from transformers import AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.name = seq2seq_name(config)
        path, hub = located(config.path, config.revision)
        self._tokenizer = AutoTokenizer.from_pretrained(path, **hub)
        self.codes = Codes(self._tokenizer)
        for tag in languages:
            self.codes.token(tag)
        self._config = config
        self._backend = _backend(config, self._tokenizer)

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """As in the protocol."""
        for tag in dict.fromkeys([*sources, *targets]):
            self.codes.token(tag)
        layouts = [pieces_of(text, tag) for text, tag in zip(texts, sources, strict=True)]
        rows = [
            row
            for i, pieces in enumerate(layouts)
            for row in self._rows(i, pieces, sources[i], targets[i])
        ]
        answers: dict[tuple[int, int], tuple[str, _Found]] = {}
        missing = [sum(piece.is_sentence for piece in pieces) for pieces in layouts]
        for i in (i for i, num in enumerate(missing) if not num):
            tick(1, targets[i])
        for batch in self._batches(rows):
            for row, found in zip(batch, self._generated(batch), strict=True):
                text = self._tokenizer.decode(found.ids, skip_special_tokens=True)
                answers[row.text, row.place] = (text, found)
                missing[row.text] -= 1
                if not missing[row.text]:
                    tick(1, targets[row.text])
        return [
            _answer(pieces, [answers[i, j] for j in range(_num_sentences(pieces))], targets[i])
            for i, pieces in enumerate(layouts)
        ]

    def _rows(self, text: int, pieces: Sequence[Piece], source: str, target: str) -> Iterator[_Row]:
        said = [piece.text for piece in pieces if piece.is_sentence]
        if not said:
            return
        ids = self._tokenizer(said, add_special_tokens=False)["input_ids"]
        to, eos = self._id(target), self._tokenizer.eos_token_id
        is_madlad = self.codes.form == "madlad"
        before = [to] if is_madlad else [self._id(source)]
        for place, row in enumerate(ids):
            yield _Row(text, place, [*before, *row, eos], [] if is_madlad else [to])

    def _id(self, tag: str) -> int:
        return self._tokenizer.convert_tokens_to_ids(self.codes.token(tag))

    def _batches(self, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
        """Neighbours in length, the longest first, so that too large a batch shows at once."""
        batch: list[_Row] = []
        for row in sorted(rows, key=lambda row: -len(row.tokens)):
            width = len((batch or [row])[0].tokens) + self._config.max_new_tokens
            if batch and (len(batch) + 1) * width * self._config.num_beams > (
                self._config.batch_tokens
            ):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _generated(self, batch: Sequence[_Row]) -> list[_Found]:
        """What the model answers; a sentence that it cannot read has an empty answer."""
        window = self._backend.window
        fits = [window is None or len(row.tokens) <= window for row in batch]
        short = [row for row, fit in zip(batch, fits, strict=True) if fit]
        found = iter(self._backend.generate(short) if short else [])
        return [next(found) if fit else _Found([], ended=True) for fit in fits]


class _TransformersBackend:
    def __init__(self, config: Seq2SeqConfig, tokenizer: Any) -> None:
        from transformers import AutoModelForSeq2SeqLM

        path, hub = located(config.path, config.revision)
        device, device_map = placement(config.device)
        self.model = AutoModelForSeq2SeqLM.from_pretrained(
            path, dtype=config.dtype, device_map=device_map, use_safetensors=True, **hub
        ).eval()
        if device is not None:
            self.model.to(device)
        text_config = self.model.config
        self.window = getattr(text_config, "max_position_embeddings", None)
        self._limit = config.max_new_tokens
        self._eos, self._pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        self._start = text_config.decoder_start_token_id
        from transformers import GenerationConfig

        # A checkpoint may bring a language to force or a length of its own.
        self.model.generation_config = GenerationConfig(
            eos_token_id=self._eos,
            pad_token_id=self._pad,
            decoder_start_token_id=self._start,
            num_beams=config.num_beams,
            suppress_tokens=[tokenizer.unk_token_id],  # it would leave a hole in the text
        )

    def generate(self, rows: Sequence[_Row]) -> list[_Found]:
        import torch

        ids, mask = _right_padded([row.tokens for row in rows], self._pad)
        device = self.model.device
        begin = torch.tensor([[self._start, *row.start] for row in rows], device=device)
        limit = min(self._limit, (self.window or self._limit + 2) - begin.shape[1])
        asked = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
        with torch.inference_mode():
            out = self.model.generate(
                **asked, decoder_input_ids=begin, max_new_tokens=limit, do_sample=False
            )
            sums = summed_log_probabilities(self.model, asked, out, begin.shape[1], self._eos)
        written = out[:, begin.shape[1] :].tolist()
        return [self._until_end(*pair) for pair in zip(written, sums, strict=True)]

    def _until_end(self, ids: list[int], log_probability: float) -> _Found:
        ended = self._eos in ids
        return _Found(ids[: ids.index(self._eos)] if ended else ids, ended, log_probability)


class _CTranslate2Backend:
    window: int | None = None

    def __init__(self, config: Seq2SeqConfig, tokenizer: Any) -> None:
        try:
            import ctranslate2
        except ImportError as error:
            raise InputError(
                "expected the package ctranslate2 for backend ctranslate2, came none; "
                "pip install 'isoglot[ctranslate2]'"
            ) from error
        self._config = config
        self._tokenizer = tokenizer
        device = config.device
        self._translator = ctranslate2.Translator(
            str(Path(config.path).expanduser()),
            device=device,
            compute_type="default" if config.dtype == "auto" else config.dtype,
        )

    def generate(self, rows: Sequence[_Row]) -> list[_Found]:
        def words(ids: list[int]) -> list[str]:
            return self._tokenizer.convert_ids_to_tokens(ids)

        results = self._translator.translate_batch(
            [words(row.tokens) for row in rows],
            target_prefix=[words(row.start) for row in rows] if rows[0].start else None,
            beam_size=self._config.num_beams,
            max_input_length=0,
            min_decoding_length=0,
            disable_unk=True,
            max_decoding_length=self._config.max_new_tokens,
            max_batch_size=self._config.batch_tokens,
            batch_type="tokens",
            return_end_token=True,
        )
        said = [result.hypotheses[0] for result in results]
        eos = self._tokenizer.eos_token
        read = self._translator.score_batch(
            [words(row.tokens) for row in rows],
            [[word for word in each if word != eos] for each in said],
            max_batch_size=self._config.batch_tokens,
            batch_type="tokens",
        )
        return [
            self._read(row, each, of_word.log_probs)
            for row, each, of_word in zip(rows, said, read, strict=True)
        ]

    def _read(self, row: _Row, words: list[str], log_probabilities: list[float]) -> _Found:
        ids = self._tokenizer.convert_tokens_to_ids(words)[len(row.start) :]
        eos = self._tokenizer.eos_token_id
        ended = eos in ids
        of_answer = log_probabilities[len(row.start) :]  # the end is the last, said or not
        return _Found(
            [i for i in ids if i != eos], ended, sum(of_answer if ended else of_answer[:-1])
        )


def summed_log_probabilities(
    model: Any,
    asked: "Mapping[str, Tensor]",
    out: "Tensor",
    start: int,
    eos: int,
    max_scores: int = 2**27,
) -> list[float]:
    """Of each row's tokens from the place `start` to its end, read again in one pass.

    The scores of `generate` would be kept for every step and beam: gigabytes with the vocabulary of
    NLLB. So few rows are read at a time: `max_scores` tokens by words, 512 MiB, are held.
    """
    labels = out[:, start:]
    is_end = labels == eos
    follows_end = is_end.cumsum(1) > is_end.long()
    num = max(1, max_scores // (out.shape[1] * model.config.vocab_size))
    sums: list[float] = []
    for rows in (slice(first, first + num) for first in range(0, len(out), num)):
        said = {name: each[rows] for name, each in asked.items()}
        logits = model(**said, decoder_input_ids=out[rows, :-1]).logits[:, start - 1 :].float()
        of_token = logits.gather(2, labels[rows, :, None])[..., 0] - logits.logsumexp(-1)
        sums += of_token.masked_fill(follows_end[rows], 0).sum(1).tolist()
    return sums


def seq2seq_codes(config: Seq2SeqConfig, languages: Sequence[str]) -> None:
    """Raise InputError as the translator does, without its weights."""
    from transformers import AutoTokenizer

    path, hub = located(config.path, config.revision)
    codes = Codes(AutoTokenizer.from_pretrained(path, **hub))
    for tag in languages:
        codes.token(tag)


def seq2seq_revision(config: Seq2SeqConfig) -> str:
    """What identifies the weights, without loading them."""
    if config.backend == "transformers":
        return model_revision(config.path, config.revision)
    folder = Path(config.path).expanduser()
    if not (folder / "model.bin").is_file():
        raise InputError(
            f"expected a folder of ctranslate2 with model.bin, came {config.path!r}; make it with "
            f"ct2-transformers-converter"
        )
    files = sorted({path for pattern in _CT2_FILES for path in folder.glob(pattern)})
    digests = [f"{path.name}:{file_hash(path, path.stat().st_mtime_ns)}" for path in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:_REVISION_DIGITS]


def seq2seq_name(config: Seq2SeqConfig) -> str:
    """`model@revision`, without loading it."""
    if config.backend == "transformers":
        return model_name(config.path, config.revision)
    folder = Path(config.path).expanduser().resolve()
    return f"{folder.name}@{seq2seq_revision(config)}"


def _backend(config: Seq2SeqConfig, tokenizer: Any) -> _Backend:
    if config.backend == "ctranslate2":
        return _CTranslate2Backend(config, tokenizer)
    return _TransformersBackend(config, tokenizer)


def _num_sentences(pieces: Sequence[Piece]) -> int:
    return sum(piece.is_sentence for piece in pieces)


def _answer(pieces: Sequence[Piece], said: Sequence[tuple[str, _Found]], target: str) -> Sampled:
    if not all(found.ended for _, found in said):
        return Sampled("", FinishReason.LENGTH)
    text = joined(pieces, [text for text, _ in said], target)
    if text is None:
        return Sampled("", FinishReason.ERROR)
    num = sum(found.num_tokens for _, found in said)
    total = sum(found.log_probability for _, found in said)
    return Sampled(text, FinishReason.STOP, total / num if num else None)


def _right_padded(rows: list[list[int]], pad: int) -> tuple["Tensor", "Tensor"]:
    import torch

    width = max(len(row) for row in rows)
    ids = [row + [pad] * (width - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)
