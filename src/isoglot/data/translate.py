"""Prompts and answers in other languages, from any translator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Tick, Translator, no_tick
from isoglot.core.records import (
    Completion,
    Dropped,
    FinishReason,
    Message,
    Prompt,
    content_id,
)

Check = Callable[
    [Sequence[str], Sequence[Sampled], Sequence[str], Sequence[str]], Sequence[str | None]
]
"""Of texts, their translations, source and target languages: what is wrong with each, or None."""

Route = Callable[[str], str | None]
"""Why a text is not to be translated at all, or None."""


def translate_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    translator: Translator,
    *,
    dominant: str,
    languages: Sequence[str],
    only: Mapping[str, Sequence[str]] | None = None,
    check: Check | None = None,
    tick: Tick = no_tick,
) -> list[Completion]:
    """The direct answers, then their translations between `dominant` and each other language.

    A translation belongs to the prompt that it could answer: y^en→l to x^l, y^l→en to x^en (LIDR,
    arXiv:2410.08964). With `only`, which names samplers and the languages that each serves so, no
    more is translated than their answers in `dominant` into those. `check` names the artefacts.

    An answer that was cut off, failed or is empty is not translated; its row has
    no text and the answer's own finish reason. There is no row where both prompts ask for an answer
    in the same language, or where the family has no prompt in the other one: either its translation
    failed, or the recipe does not ask for parallel prompts, which are checked when they are read.
    """
    prompt_in = _prompt_by_language(prompts)
    language_of = {(p.family, p.prompt_id): p.language for p in prompts}
    direct = [completion for completion in completions if completion.translated_from is None]
    others = [tag for tag in dict.fromkeys(languages) if tag != dominant]
    rows = []
    for answer in direct:
        own = language_of[answer.family, answer.prompt_id]
        forth = others if only is None else [t for t in others if t in only.get(answer.sampler, ())]
        back = [dominant] if only is None and own in others else []
        for tag in forth if own == dominant else back:
            prompt = prompt_in.get((answer.family, tag))
            if prompt is not None and prompt.answer_language != answer.language:
                rows.append(_translation_row(answer, prompt, translator.name))
    source_of = {(c.family, c.completion_id): c for c in direct}
    sources = [source_of[row.family, row.translated_from or ""] for row in rows]
    todo = [i for i, source in enumerate(sources) if _is_whole(source)]
    translated = translator.translate(
        [sources[i].text for i in todo],
        [sources[i].language for i in todo],
        [rows[i].language for i in todo],
        tick,
    )
    for i, sampled in zip(todo, translated, strict=True):
        rows[i] = _translated(rows[i], sampled)
    return direct + (_with_artefacts(sources, rows, check) if check else rows)


def all_translations(
    direct: Sequence[Completion], *translated: Sequence[Completion]
) -> list[Completion]:
    """The direct answers, then what each translator made of them."""
    made = [row for rows in translated for row in rows if row.translated_from is not None]
    return [*direct, *made]


def translate_prompts(
    prompts: Sequence[Prompt],
    translator: Translator,
    *,
    source: str,
    languages: Sequence[str],
    tick: Tick = no_tick,
    check: Check | None = None,
    route: Route | None = None,
) -> tuple[list[Prompt], list[Dropped]]:
    """The prompts, then those that families lacked in `languages`, translated from `source`.

    Gold answers carry over. A translation that failed makes no prompt and is dropped with its name
    (pair type `prompt`), and so is one in which `check` finds a fault. A prompt for whose last user
    turn `route` has a reason is not translated: its reason is `untranslatable_…`. Families without
    a prompt in `source` stay as they are.
    """
    prompt_in = _prompt_by_language(prompts)
    todo = [
        (prompt, tag)
        for prompt in prompts
        if prompt.language == source
        for tag in dict.fromkeys(languages)
        if (prompt.family, tag) not in prompt_in
    ]
    kept_out = {prompt.text: route(prompt.text) for prompt, _ in todo} if route else {}
    dropped = [
        _dropped(prompt, tag, f"untranslatable_{reason}", "")
        for prompt, tag in todo
        if (reason := kept_out.get(prompt.text))
    ]
    todo = [(prompt, tag) for prompt, tag in todo if not kept_out.get(prompt.text)]
    turns = [(turn["content"], tag) for prompt, tag in todo for turn in _said(prompt)]
    texts, targets = [text for text, _ in turns], [tag for _, tag in turns]
    sampled = translator.translate(texts, [source] * len(texts), targets, tick)
    translated = iter(zip(sampled, _faults(texts, sampled, source, targets, check), strict=True))
    made: list[Prompt] = []
    for prompt, tag in todo:
        found = [next(translated) for _ in _said(prompt)]
        reason = next((fault for _, fault in found if fault), None)
        if reason is None:
            made.append(_in_language(prompt, tag, [turn for turn, _ in found], translator.name))
        else:
            dropped.append(_dropped(prompt, tag, reason, found[-1][0].text))
    return [*prompts, *made], dropped


def _faults(
    texts: Sequence[str],
    sampled: Sequence[Sampled],
    source: str,
    targets: Sequence[str],
    check: Check | None,
) -> list[str | None]:
    """Why each translation makes no prompt, or None."""
    whole = [s.finish_reason == FinishReason.STOP and bool(s.text.strip()) for s in sampled]
    faults: list[str | None] = [None if each else "translation_failed" for each in whole]
    places = [i for i, each in enumerate(whole) if each]
    if check is not None and places:
        found = check(
            [texts[i] for i in places],
            [sampled[i] for i in places],
            [source] * len(places),
            [targets[i] for i in places],
        )
        for i, fault in zip(places, found, strict=True):
            faults[i] = fault
    return faults


def _dropped(prompt: Prompt, tag: str, reason: str, translation: str) -> Dropped:
    return Dropped(prompt.family, prompt.prompt_id, tag, "prompt", reason, prompt.text, translation)


def _in_language(prompt: Prompt, tag: str, said: Sequence[Sampled], translator: str) -> Prompt:
    texts = [turn.text for turn in said]
    known = [turn.log_probability for turn in said if turn.log_probability is not None]
    follows = prompt.answer_language == prompt.language
    system = tuple(turn for turn in prompt.prompt if turn["role"] == "system")
    return replace(
        prompt,
        prompt_id=content_id(tag, *texts),
        language=tag,
        prompt=system
        + tuple(
            {"role": turn["role"], "content": text}
            for turn, text in zip(_said(prompt), texts, strict=True)
        ),
        answer_language=tag if follows else prompt.answer_language,
        translated_from=prompt.prompt_id,
        translator=translator,
        translation_log_probability=min(known, default=None),
        completion=None,
    )


def _said(prompt: Prompt) -> list[Message]:
    """The turns but for the system message, which stays in its language."""
    return [turn for turn in prompt.prompt if turn["role"] != "system"]


def _translation_row(answer: Completion, prompt: Prompt, translator: str) -> Completion:
    """The row of a translation before there is one: no text, and how the answer itself ended."""
    return Completion(
        family=answer.family,
        prompt_id=prompt.prompt_id,
        language=prompt.answer_language,
        sampler=answer.sampler,
        sample=answer.sample,
        text="",
        finish_reason=answer.finish_reason,
        translated_from=answer.completion_id,
        translator=translator,
    )


def _translated(row: Completion, sampled: Sampled) -> Completion:
    return replace(
        row,
        text=sampled.text,
        finish_reason=sampled.finish_reason,
        translation_log_probability=sampled.log_probability,
    )


def _with_artefacts(
    sources: Sequence[Completion], rows: Sequence[Completion], check: Check
) -> list[Completion]:
    """The translations, each with its fault; one that failed has no other."""
    whole = [i for i, row in enumerate(rows) if _is_whole(row)]
    faults = check(
        [sources[i].text for i in whole],
        [
            Sampled(rows[i].text, rows[i].finish_reason, rows[i].translation_log_probability)
            for i in whole
        ],
        [sources[i].language for i in whole],
        [rows[i].language for i in whole],
    )
    fault_of = dict(zip(whole, faults, strict=True))
    return [replace(row, artefact=fault_of.get(i)) for i, row in enumerate(rows)]


def _is_whole(completion: Completion) -> bool:
    return completion.finish_reason == FinishReason.STOP and bool(completion.text.strip())


def _prompt_by_language(prompts: Sequence[Prompt]) -> dict[tuple[str, str], Prompt]:
    prompt_in: dict[tuple[str, str], Prompt] = {}
    for prompt in prompts:
        known = prompt_in.setdefault((prompt.family, prompt.language), prompt)
        if known.prompt_id != prompt.prompt_id:
            raise InputError(
                f"family {prompt.family} has two prompts in {prompt.language!r}: expected one of "
                "each language to translate between; mend the `family` columns"
            )
    return prompt_in
