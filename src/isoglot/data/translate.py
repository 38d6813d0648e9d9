"""Translations of prompts and completions, by any translator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from isoglot.core.failures import NO_ANSWER, may_pass
from isoglot.core.protocols import Sampled, Tick, Translation, TranslationCheck, Translator, no_tick
from isoglot.core.records import (
    Completion,
    Dropped,
    FinishReason,
    Message,
    Prompt,
    content_id,
    prompt_key,
    prompts_by_language,
)

Exclude = Callable[[str], str | None]
"""Returns the reason why a text is not to be translated, or None."""


def translate_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    translator: Translator,
    *,
    dominant: str,
    languages: Sequence[str],
    only: Mapping[str, Sequence[str]] | None = None,
    check: TranslationCheck | None = None,
    tick: Tick = no_tick,
) -> list[Completion]:
    """Translate the direct completions between `dominant` and each other language.

    Returns the direct completions, then their translations. A translation belongs to the prompt
    that it could answer: y^en→l to x^l, y^l→en to x^en (LIDR, arXiv:2410.08964). With `only`, which
    maps samplers to the languages that each serves by translation, nothing is translated but their
    completions in `dominant` into those languages. `check` finds artefacts.

    A completion that was cut off, failed or is empty is not translated; its row has no text and the
    finish reason of the completion. There is no row where both prompts want an answer in the same
    language, or where the family has no prompt in the target language.
    """
    families = prompts_by_language(prompts)
    language_of = {(p.family, p.prompt_id): p.language for p in prompts}
    direct = [completion for completion in completions if completion.translated_from is None]
    others = [tag for tag in dict.fromkeys(languages) if tag != dominant]
    pairs: list[tuple[Completion, Completion]] = []
    for source in direct:
        own = language_of[source.family, source.prompt_id]
        forth = others if only is None else [t for t in others if t in only.get(source.sampler, ())]
        back = [dominant] if only is None and own in others else []
        for tag in forth if own == dominant else back:
            prompt = families[source.family].get(tag)
            if prompt is not None and prompt.answer_language != source.language:
                pairs.append((source, _untranslated(source, prompt, translator.name)))
    todo = [i for i, (source, _) in enumerate(pairs) if _is_whole(source)]
    translated = translator.translate(
        [pairs[i][0].text for i in todo],
        [pairs[i][0].language for i in todo],
        [pairs[i][1].language for i in todo],
        tick,
    )
    rows = [row for _, row in pairs]
    for i, sampled in zip(todo, translated, strict=True):
        rows[i] = replace(
            rows[i],
            text=sampled.text,
            finish_reason=sampled.finish_reason,
            translation_log_probability=sampled.log_probability,
            failure=sampled.failure,
        )
    if check is not None:
        whole = [i for i, row in enumerate(rows) if _is_whole(row)]
        translations = [
            Translation(a.text, b.text, a.language, b.language, b.translation_log_probability)
            for a, b in ((pairs[i][0], rows[i]) for i in whole)
        ]
        for i, fault in zip(whole, check(translations), strict=True):
            rows[i] = replace(rows[i], artefact=fault)
    return direct + rows


def all_translations(
    direct: Sequence[Completion], *translated: Sequence[Completion]
) -> list[Completion]:
    """Return the direct completions, then the translations of each translator."""
    made = [row for rows in translated for row in rows if row.translated_from is not None]
    return [*direct, *made]


def translate_prompts(
    prompts: Sequence[Prompt],
    translator: Translator,
    *,
    source: str,
    languages: Sequence[str],
    tick: Tick = no_tick,
    check: TranslationCheck | None = None,
    exclude: Exclude | None = None,
) -> tuple[list[Prompt], list[Dropped]]:
    """Translate from `source` the prompts that families lack in `languages`.

    Returns the prompts and their translations, which keep the gold answers, and what was dropped:
    translations that failed, or that a server in trouble did not make, and those in which `check`
    finds a fault (pair type `prompt`), and prompts for whose last user turn `exclude` has a reason,
    as `untranslatable_…`. Families without a prompt in `source` stay as they are.
    """
    families = prompts_by_language(prompts)
    missing = [
        (prompt, tag)
        for prompt in prompts
        if prompt.language == source
        for tag in dict.fromkeys(languages)
        if tag not in families[prompt.family]
    ]
    excluded = {prompt.text: exclude(prompt.text) for prompt, _ in missing} if exclude else {}
    dropped = [
        _dropped(prompt, tag, f"untranslatable_{reason}", "")
        for prompt, tag in missing
        if (reason := excluded.get(prompt.text))
    ]
    todo = [(prompt, tag) for prompt, tag in missing if not excluded.get(prompt.text)]
    turns = [(turn["content"], tag) for prompt, tag in todo for turn in _translatable(prompt)]
    texts, targets = [text for text, _ in turns], [tag for _, tag in turns]
    sampled = translator.translate(texts, [source] * len(texts), targets, tick)
    faults = [None if _is_whole(each) else _lost(each) for each in sampled]
    whole = [i for i, fault in enumerate(faults) if fault is None]
    if check is not None and whole:
        translations = [
            Translation(texts[i], sampled[i].text, source, targets[i], sampled[i].log_probability)
            for i in whole
        ]
        for i, fault in zip(whole, check(translations), strict=True):
            faults[i] = fault
    translated = iter(zip(sampled, faults, strict=True))
    made: list[Prompt] = []
    for prompt, tag in todo:
        found = [next(translated) for _ in _translatable(prompt)]
        reason = next((fault for _, fault in found if fault), None)
        if reason is None:
            made.append(_in_language(prompt, tag, [turn for turn, _ in found], translator.name))
        else:
            dropped.append(_dropped(prompt, tag, reason, found[-1][0].text))
    return [*prompts, *made], dropped


def _lost(translation: Sampled) -> str:
    """Name the reason of a translation without text."""
    return NO_ANSWER if may_pass(translation.failure) else "translation_failed"


def _dropped(prompt: Prompt, tag: str, reason: str, translation: str) -> Dropped:
    return Dropped(prompt.family, prompt.prompt_id, tag, "prompt", reason, prompt.text, translation)


def _in_language(prompt: Prompt, tag: str, turns: Sequence[Sampled], translator: str) -> Prompt:
    """Return the prompt with its translated turns in language `tag`."""
    texts = [turn.text for turn in turns]
    known = [turn.log_probability for turn in turns if turn.log_probability is not None]
    follows = prompt.answer_language == prompt.language
    system = [turn for turn in prompt.prompt if turn["role"] == "system"]
    own = zip(_translatable(prompt), texts, strict=True)
    translated = [{"role": turn["role"], "content": text} for turn, text in own]
    return replace(
        prompt,
        prompt_id=content_id(tag, *texts),
        language=tag,
        prompt=(*system, *translated),
        answer_language=tag if follows else prompt.answer_language,
        translated_from=prompt.prompt_id,
        translator=translator,
        translation_log_probability=min(known, default=None),
        completion=None,
    )


def _translatable(prompt: Prompt) -> list[Message]:
    """Return all turns but the system message, which stays in its language."""
    return [turn for turn in prompt.prompt if turn["role"] != "system"]


def _untranslated(source: Completion, prompt: Prompt, translator: str) -> Completion:
    """Return the row of a translation before it is made: no text, the source's finish reason."""
    key = (*prompt_key(prompt), prompt.answer_language, source.sampler)
    row = Completion(*key, source.sample, "", source.finish_reason)
    return replace(row, translated_from=source.completion_id, translator=translator)


def _is_whole(text: Completion | Sampled) -> bool:
    return text.finish_reason == FinishReason.STOP and bool(text.text.strip())
