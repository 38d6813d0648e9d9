"""A causal language model of the Hugging Face format, on a CPU or a GPU, as a sampler."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.section import Section
from isoglot.core.text import without_thinking
from isoglot.models.local.adapters import base_of, merge
from isoglot.models.local.template import eos_ids, load_tokenizer, opens_thinking, plain, rendered

if TYPE_CHECKING:
    from torch import Tensor

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_REVISION_DIGITS = 12
_CONTENT = ("*.safetensors", "*.json", "*.jinja", "*.model")


class TransformersConfig(Section):
    """A model that `transformers` loads and runs in this process."""

    kind: Literal["transformers"] = "transformers"
    path: str
    """A local folder or a Hugging Face hub id; or a folder of PEFT's adapters, which names its base
    and is merged into it."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    dtype: str = "auto"
    """`auto` is the precision in which the checkpoint was saved."""
    device: str = "auto"
    """`auto` spreads the model over the accelerators that are there; otherwise as in torch."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * (longest prompt + `max_new_tokens`) of a batch, in tokens."""
    format: Literal["chat", "plain"] = "chat"
    """`plain` gives the model the text of the prompt as it stands, without the chat template: for
    base models, and for prompts whose worked examples are part of the text."""
    chat_template: str | None = None
    """A file with a Jinja template, in place of the checkpoint's; a trained policy keeps it. One
    that begins with `{% set enable_thinking = false %}` and goes on as Qwen3's does not think."""


def model_revision(path_or_id: str, revision: str = "main") -> str:
    """What identifies the weights: the commit of a hub id, a content hash of a local folder.

    Loads no model and imports no torch, so that a fingerprint costs no start-up. The hub is asked
    for the commit of a branch or tag; without network the local cache answers. Raises InputError
    where neither knows the model.
    """
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return _folder_hash(folder)
    if not _HUB_ID.fullmatch(path_or_id):
        raise InputError(
            f"expected a model folder or a hub id, got {path_or_id!r}, where no folder "
            f"stands; correct the path"
        )
    if _COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import hf_hub_download

    try:
        config = hf_hub_download(path_or_id, "config.json", revision=revision)
    except OSError as error:
        raise InputError(
            f"expected a model folder or a hub id that can be reached, got {path_or_id!r} at "
            f"{revision!r} ({type(error).__name__}); correct the path, log in with `hf auth "
            f"login` if the model is gated, or download it first"
        ) from error
    return Path(config).parent.name  # the hub's cache keeps a folder for each commit


def model_name(path_or_id: str, revision: str = "main") -> str:
    """`model@revision`; a local folder goes by its last name, so the name is no machine's own."""
    folder = Path(path_or_id).expanduser()
    model = folder.resolve().name if folder.is_dir() else path_or_id
    return f"{model}@{model_revision(path_or_id, revision)[:_REVISION_DIGITS]}"


def located(path_or_id: str, revision: str = "main") -> tuple[str, dict[str, str]]:
    """What `from_pretrained` is given: a path, and for a hub id the commit, so that every part of a
    model is of the same one. Raises as `model_revision` does."""
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return str(folder), {}
    return path_or_id, {"revision": model_revision(path_or_id, revision)}


def _folder_hash(folder: Path) -> str:
    files = sorted({path for pattern in _CONTENT for path in folder.glob(pattern)})
    if not any(path.suffix == ".safetensors" for path in files):
        raise InputError(
            f"expected a model with *.safetensors weights, got none in {folder}; save "
            f"it with model.save_pretrained"
        )
    digests = [f"{path.name}:{file_hash(path, path.stat().st_mtime_ns)}" for path in files]
    if base := base_of(str(folder)):
        digests.append(model_revision(*base))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:_REVISION_DIGITS]


@lru_cache(maxsize=4096)
def file_hash(path: Path, _mtime_ns: int) -> str:
    """Weights are gigabytes: read once in a process, and again when the file was written anew."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Row(NamedTuple):
    place: int
    ids: list[int]
    limit: int
    """New tokens that this row may have: what the context window leaves of `max_new_tokens`."""
    thinks: bool
    """The prompt has begun the thinking."""


class CausalModel:
    """A model in memory with its tokenizer, and how a prompt becomes its tokens.

    Loads safetensors only and never runs code from the checkpoint. Raises InputError where no model
    stands, or one without the chat template that `format: chat` needs.
    """

    def __init__(self, config: TransformersConfig) -> None:
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()  # the stage has a bar of its own
        path, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self.format = config.format
        base, adapters = base_of(path), path
        if base:
            path, hub = located(*base)
        has_tokenizer = base and (Path(adapters) / "tokenizer_config.json").exists()
        source = (adapters, {}) if has_tokenizer else (path, hub)
        self.tokenizer = load_tokenizer(*source, config.chat_template)
        if self.format == "chat" and self.tokenizer.chat_template is None:
            raise InputError(
                f"expected a tokenizer with a chat template, got none in {config.path}; "
                f"use the instruction-tuned model, give policy.chat_template a file, or set "
                f"format: plain"
            )
        device, device_map = placement(config.device)
        self.model = AutoModelForCausalLM.from_pretrained(
            path, dtype=config.dtype, device_map=device_map, use_safetensors=True, **hub
        ).eval()
        if base:
            self.model = merge(self.model, adapters)
        if device is not None:
            self.model.to(device)

    @classmethod
    def in_training(cls, model: Any, tokenizer: Any, name: str) -> "CausalModel":
        """The same over a model that something else has in memory."""
        loaded = cls.__new__(cls)
        loaded.name, loaded.format = name, "chat"
        loaded.model, loaded.tokenizer = model, tokenizer
        return loaded

    @property
    def context_window(self) -> int | None:
        """The most tokens that the model reads; None where its config does not say."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    def render(self, prompt: Prompt) -> str:
        """The text that the model reads; an assistant's last turn stays open."""
        if self.format == "plain":
            return plain(prompt)
        return rendered(self.tokenizer, prompt.prompt)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered texts. A plain text begins as the tokenizer begins a text, with its
        token for that if it has one; a template writes that token itself."""
        if not texts:
            return []
        bos, ids = self._bos(), self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [row if bos is None or row[:1] == [bos] else [bos, *row] for row in ids]

    def _bos(self) -> int | None:
        if self.format == "chat":
            return None
        bos = self.tokenizer.bos_token_id
        return bos if self.tokenizer("")["input_ids"][:1] == [bos] else None


class TransformersSampler:
    """A policy or teacher that runs in this process; greedy decoding, or sampling with a seed.

    Any `eos` id of the generation config or of the tokenizer ends an answer; decoding settings in
    the checkpoint are ignored, since the recipe states them. Raises InputError where no model
    stands, or one without a chat template or an end-of-turn token; without a pad token the eos
    token pads.
    """

    def __init__(self, config: TransformersConfig, loaded: CausalModel | None = None) -> None:
        from transformers import GenerationConfig

        self.loaded = loaded or CausalModel(config)
        self.name, self.batch_tokens = self.loaded.name, config.batch_tokens
        self.model, self.tokenizer = self.loaded.model, self.loaded.tokenizer
        self._render = self.loaded.render
        self.eos_ids = eos_ids(
            self.model.generation_config.eos_token_id, self.tokenizer.eos_token_id
        )
        if not self.eos_ids:
            raise InputError(
                f"expected a model with an end-of-turn token, got none in {config.path}; "
                f"set eos_token_id in its generation_config.json"
            )
        pad = self.tokenizer.pad_token_id
        # A checkpoint may bring temperature or top_k of its own, which generate would merge in.
        self.model.generation_config = GenerationConfig(
            eos_token_id=self.eos_ids, pad_token_id=self.eos_ids[0] if pad is None else pad
        )

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """As in the protocol; a prompt that fills the context window has finish reason `error`."""
        if sampling.num_samples > 1 and sampling.temperature == 0:
            raise InputError(
                f"expected temperature > 0 for several samples, got num_samples "
                f"{sampling.num_samples} with greedy decoding; set temperature or one sample"
            )
        answers = [[Sampled("", FinishReason.ERROR)] * sampling.num_samples for _ in prompts]
        rows = self._rows(prompts, sampling.max_new_tokens)
        for row in (row for row in rows if row.limit < 1):
            tick(1, prompts[row.place].language)
        for batch in self._batches([row for row in rows if row.limit >= 1], sampling.num_samples):
            seed = content_id(str(sampling.seed), *(prompts[row.place].prompt_id for row in batch))
            texts = self._generate(batch, sampling, int(seed, 16) >> 1)
            for row, row_answers in zip(batch, texts, strict=True):
                answers[row.place] = row_answers
            tick(len(batch), prompts[batch[-1].place].language)
        return answers

    def _rows(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[_Row]:
        texts = [self._render(prompt) for prompt in prompts]
        ids = self.loaded.encode(texts)
        context = self.loaded.context_window
        rows = [
            _Row(
                i,
                row,
                min(max_new_tokens, (context or len(row) + max_new_tokens) - len(row)),
                opens_thinking(text),
            )
            for i, (row, text) in enumerate(zip(ids, texts, strict=True))
        ]
        return sorted(rows, key=lambda row: len(row.ids))

    def _batches(self, rows: Sequence[_Row], num_samples: int) -> Iterator[list[_Row]]:
        """Neighbours in length that fit the budget; rows are sorted, so the last is the longest."""
        batch: list[_Row] = []
        for row in rows:
            width = len(row.ids) + row.limit
            full = (len(batch) + 1) * num_samples * width > self.batch_tokens
            # One limit for all rows, so that no answer depends on who else was in the batch.
            if batch and (full or row.limit != batch[0].limit):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _generate(self, batch: list[_Row], sampling: Sampling, seed: int) -> list[list[Sampled]]:
        import torch

        ids, mask = _left_padded([row.ids for row in batch])
        device = self.model.device
        with torch.inference_mode(), torch.random.fork_rng(_seeded_devices(device)):
            torch.manual_seed(seed)
            out = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=batch[0].limit,
                repetition_penalty=sampling.repetition_penalty,
                num_return_sequences=sampling.num_samples,
                disable_compile=True,
                stopping_criteria=self._stopping(sampling.stop, ids.shape[1]),
                **_decoding(sampling),
                **self._cache(ids.shape[1] + batch[0].limit),
            )
        n = sampling.num_samples
        answers = [
            self._answer(new, sampling.stop, batch[place // n].thinks)
            for place, new in enumerate(out[:, ids.shape[1] :].tolist())
        ]
        return [answers[i : i + n] for i in range(0, len(answers), n)]

    def _cache(self, width: int) -> dict[str, Any]:
        """A cache of the batch's own size: a growing one is copied at every token, and the one that
        generate makes on request keeps the size of the longest batch so far."""
        from transformers import StaticCache

        if not getattr(self.model, "_can_compile_fullgraph", False):
            return {}  # state-space and other models that bring a cache of their own
        return {"past_key_values": StaticCache(config=self.model.config, max_cache_len=width)}

    def _stopping(self, stop: Sequence[str], start: int) -> list[Callable[..., "Tensor"]]:
        """Ends a row whose newest tokens complete a stop string; the prompt does not count."""
        import torch

        if not stop:
            return []
        # A token is at least a byte. What stands before may matter to how a tail is decoded.
        tail = max(len(text.encode()) for text in stop) + 4

        def ended(ids: "Tensor", _scores: "Tensor", **_: Any) -> "Tensor":
            rows = ids[:, max(start, ids.shape[1] - tail) :].tolist()
            return torch.tensor(
                [any(end in text for end in stop) for text in map(self._text, rows)],
                device=ids.device,
            )

        return [ended]

    def _answer(self, ids: list[int], stop: Sequence[str] = (), thinks: bool = False) -> Sampled:
        end = next((i for i, token in enumerate(ids) if token in self.eos_ids), None)
        text = self._text(ids[:end])
        cuts = [text.index(string) for string in stop if string in text]
        reason = FinishReason.LENGTH if end is None and not cuts else FinishReason.STOP
        answer = without_thinking(text[: min(cuts, default=None)], opened=thinks)
        return Sampled("", FinishReason.LENGTH) if answer is None else Sampled(answer, reason)

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def placement(device: str) -> tuple[str | None, str | None]:
    """The device to move the model to, or the device map; a map needs no copy in main memory."""
    import torch

    if device != "auto":
        return device, None
    if torch.cuda.is_available():
        # Each process of a launched training has one accelerator; the others are not its own.
        rank = os.environ.get("LOCAL_RANK")
        return None, "auto" if rank is None else f"cuda:{rank}"
    return ("mps" if torch.backends.mps.is_available() else "cpu"), None


def _seeded_devices(device: Any) -> list[Any]:
    return [device] if device.type == "cuda" else []


def _decoding(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
    }


def _left_padded(rows: list[list[int]]) -> tuple["Tensor", "Tensor"]:
    """Ids and attention mask, batch * width. A row is filled with its own first token: masked, it
    is never seen, and a repetition penalty meets no token that is not in the prompt."""
    import torch

    width = max(len(row) for row in rows)
    ids = [[row[0]] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)
