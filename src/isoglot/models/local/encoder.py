"""From prompts to the tokens that a causal language model reads, and from its tokens to answers.

Every engine uses it, so that all of them read and write the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled
from isoglot.core.records import FinishReason, Prompt
from isoglot.core.thinking import ThoughtMarks, closing_mark, is_thinking_mark, opens_thinking
from isoglot.models.local.adapters import base_of
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.prefix_tree import TokenSequence
from isoglot.models.local.special import SpecialTokens
from isoglot.models.local.template import load_tokenizer, render_chat, render_plain
from isoglot.models.local.weights import located, model_name


class Weights(NamedTuple):
    """The place of a model's weights: arguments of `from_pretrained`."""

    path: str
    hub: dict[str, Any]
    adapters: str | None
    """A folder of adapters on these weights."""


def decode_answer(tokenizer: Any, ids: Sequence[int], marks: ThoughtMarks = "auto") -> str:
    """Return the text of tokens, without special ones but those that mark a thought."""
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    special |= set(tokenizer.all_special_ids)
    names = {i: tokenizer.convert_ids_to_tokens(i) for i in special.intersection(ids)}
    found = {i for i, name in names.items() if is_thinking_mark(name, marks)}
    kept = [i for i in ids if i not in special or i in found]
    return tokenizer.decode(kept, skip_special_tokens=not found, clean_up_tokenization_spaces=False)


class PromptEncoder:
    """The tokenizer of a model, with its chat template.

    Raises InputError if there is no model, or no chat template for `format: chat`.
    """

    def __init__(self, config: WeightsConfig) -> None:
        path, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self.format, self.marks = config.format, config.thought_marks
        base, adapters = base_of(path), None
        if base:
            adapters = path
            path, hub = located(*base)
        self.weights = Weights(path, hub, adapters)
        has_tokenizer = adapters and (Path(adapters) / "tokenizer_config.json").exists()
        source = located(adapters) if adapters and has_tokenizer else (path, hub)
        self.tokenizer = load_tokenizer(*source, config.chat_template)
        self.special = SpecialTokens(self.tokenizer)
        if self.format == "chat" and self.tokenizer.chat_template is None:
            raise InputError(
                f"expected a tokenizer with a chat template, got none in {config.path}; "
                f"use the instruction-tuned model, give policy.chat_template a file, or set "
                f"format: plain"
            )

    @classmethod
    def of_tokenizer(
        cls, tokenizer: Any, name: str, marks: ThoughtMarks = "auto"
    ) -> "PromptEncoder":
        """Wrap a tokenizer in memory, with its chat template."""
        encoder = cls.__new__(cls)
        encoder.tokenizer, encoder.name, encoder.format = tokenizer, name, "chat"
        encoder.marks, encoder.special = marks, SpecialTokens(tokenizer)
        return encoder

    def render(self, prompt: Prompt) -> str:
        """Return the text that the model reads; a last turn of the assistant stays open.

        Special tokens in the turns themselves are marked, and read as characters by `encode`.
        """
        if self.format == "plain":
            return self.special.mark(render_plain(prompt))
        return render_chat(self.tokenizer, self.special.mark_turns(prompt.prompt))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of rendered texts; a plain text begins with the BOS token if the
        tokenizer adds one, and a chat template writes that token itself."""
        if not texts:
            return []
        bos = None if self.format == "chat" else self.tokenizer.bos_token_id
        if bos is not None and self.tokenizer("")["input_ids"][:1] != [bos]:
            bos = None
        ids = self.special.encode(texts)
        return [row if bos is None or row[:1] == [bos] else [bos, *row] for row in ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens; see `decode_answer`."""
        return decode_answer(self.tokenizer, ids, self.marks)

    def opens_thinking(self, text: str) -> bool:
        """True if a rendered prompt ends inside the model's thinking."""
        return opens_thinking(text, self.marks)

    def closing_ids(self, text: str, ids: Sequence[int], eos_ids: Sequence[int]) -> list[int]:
        """Return the tokens that end the thought which an answer is in, none outside of one.

        `text` is the rendered prompt, `ids` are the tokens after it. Marks such as `</think>` stand
        on a line of their own, as in Qwen's documentation of its budget.
        """
        if set(ids).intersection(eos_ids):
            return []
        mark = closing_mark(text, self.decode(ids), self.marks)
        if mark is None:
            return []
        closing = f"\n{mark}\n\n" if mark.startswith("</") else mark
        return self.tokenizer(closing, add_special_tokens=False)["input_ids"]

    def answer(
        self,
        ids: Sequence[int],
        eos_ids: Sequence[int],
        stop: Sequence[str] = (),
        *,
        thinks: bool = False,
    ) -> Sampled:
        """Return thought and answer in the tokens after a prompt, up to an EOS id or a stop string.

        `thinks` says that the prompt opens the thinking.
        """
        end = next((i for i, token in enumerate(ids) if token in eos_ids), None)
        text = self.decode(ids[:end])
        cuts = [text.index(string) for string in stop if string in text]
        reason = FinishReason.LENGTH if end is None and not cuts else FinishReason.STOP
        text = text[: min(cuts, default=None)]
        return Sampled.of_text(text, reason, opened=thinks, marks=self.marks)

    def sequences(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        context_window: int | None,
    ) -> list[TokenSequence]:
        """Tokenise each prompt with each of its continuations, for their likelihoods.

        As in `lm-eval`, so that results are comparable: spaces at the end of the prompt move to the
        continuation, prompt and continuation are tokenised as one text, and the tokens beyond the
        number of those of the prompt alone are the continuation. An empty prompt is the BOS token,
        or else the EOS token. A continuation without a token of its own is left out, and so is one
        that does not fit into the context window together with its prompt.

        Raises:
            InputError: another number of prompts than of lists of continuations.
        """
        if len(prompts) != len(continuations):
            raise InputError(
                f"expected continuations for each of {len(prompts)} prompts, got {len(prompts)} "
                f"prompts and continuations of {len(continuations)}; give each prompt a list"
            )
        texts = [self.render(prompt) for prompt in prompts]
        contexts = self.encode([text.rstrip() for text in texts])
        pairs = zip(texts, continuations, strict=True)
        mark = self.special.mark
        wholes = iter(self.encode([text + mark(each) for text, row in pairs for each in row]))
        special = [self.tokenizer.bos_token_id, self.tokenizer.eos_token_id]
        empty = [i for i in special if i is not None][:1]
        sequences = []
        for i, (context, row) in enumerate(zip(contexts, continuations, strict=True)):
            for choice in range(len(row)):
                continuation = next(wholes)[len(context) :]
                ids = (context or empty) + continuation
                start = len(ids) - len(continuation)
                fits = context_window is None or len(ids) - 1 <= context_window
                if start and continuation and fits:
                    sequences.append(TokenSequence(i, choice, ids, start))
        return sequences
