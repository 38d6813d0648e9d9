"""Passes over prompts before they are answered: a model rewrites each in its own language.

The Art of Asking (arXiv:2510.19806) makes translated prompts natural, local and harder before it
generates; its wording is not published.
"""

from collections.abc import Sequence
from dataclasses import replace

from isoglot.core.failures import NO_ANSWER, may_pass
from isoglot.core.protocols import LanguageIdentifier, Sampled, Tick, Translator, no_tick
from isoglot.core.records import Dropped, FinishReason, Prompt, content_id
from isoglot.core.text import length_chars, same_text


def transform_prompts(
    prompts: Sequence[Prompt],
    rewriter: Translator,
    identifier: LanguageIdentifier,
    *,
    keep_gold: bool,
    max_length_ratio: float,
    tick: Tick = no_tick,
) -> tuple[list[Prompt], list[Dropped]]:
    """Rewrite the last user turn of each prompt, or drop the prompt by the name of its fault.

    `rewriter` translates each text into its own language. Faults: `cut_off`, `failed` and
    `no_answer` (a server in trouble); `copied`, a text that reads as before; `wrong_language`,
    of what is identified; `length_ratio`, where the longer text has more than `max_length_ratio`
    times the characters of the other. The source's completion is dropped, and so is the gold unless
    `keep_gold`: another question may have another answer.
    """
    tags = [prompt.language for prompt in prompts]
    made = rewriter.translate([prompt.text for prompt in prompts], tags, tags, tick)
    languages = identifier.identify([each.text for each in made])
    kept: list[Prompt] = []
    dropped: list[Dropped] = []
    for prompt, sampled, tag in zip(prompts, made, languages, strict=True):
        fault = _fault(prompt, sampled, tag, max_length_ratio)
        if fault is None:
            kept.append(_rewritten(prompt, sampled.text.strip(), keep_gold=keep_gold))
            continue
        key = (prompt.family, prompt.prompt_id, prompt.language, "prompt")
        dropped.append(Dropped(*key, fault, prompt.text, sampled.text))
    return kept, dropped


def _fault(
    prompt: Prompt, sampled: Sampled, tag: str | None, max_length_ratio: float
) -> str | None:
    if sampled.finish_reason == FinishReason.LENGTH:
        return "cut_off"
    if sampled.finish_reason != FinishReason.STOP or not sampled.text.strip():
        return NO_ANSWER if may_pass(sampled.failure) else "failed"
    if same_text(prompt.text, sampled.text):
        return "copied"
    if tag not in (None, prompt.language):
        return "wrong_language"
    short, long = sorted(map(length_chars, (prompt.text, sampled.text)))
    return "length_ratio" if long > max_length_ratio * short else None


def _rewritten(prompt: Prompt, text: str, *, keep_gold: bool) -> Prompt:
    last = max(i for i, turn in enumerate(prompt.prompt) if turn["role"] == "user")
    turn = {"role": "user", "content": text}
    turns = (*prompt.prompt[:last], turn, *prompt.prompt[last + 1 :])
    return replace(
        prompt,
        prompt_id=content_id(prompt.prompt_id, text),
        prompt=turns,
        gold=prompt.gold if keep_gold else None,
        completion=None,
    )
