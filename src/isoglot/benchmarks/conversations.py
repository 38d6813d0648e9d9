"""How a question of a benchmark becomes a conversation: worked examples, question, more turns."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple

from isoglot.benchmarks.benchmark import Ask, Example
from isoglot.core.errors import InputError
from isoglot.core.records import Message, Prompt, content_id


class Shot(NamedTuple):
    """A worked example: what the user would ask and the model should answer."""

    question: str
    answer: str


def asked(
    text: str,
    *,
    language: str,
    family: str,
    shots: Sequence[Shot] = (),
    answer_language: str | None = None,
    gold: str | None = None,
    source: str = "",
) -> Prompt:
    """A prompt whose worked examples are earlier turns of the conversation.

    The id is that of the whole conversation in its answer language: another number of shots is
    another prompt.
    """
    messages: list[Message] = []
    for shot in shots:
        messages.append({"role": "user", "content": shot.question})
        messages.append({"role": "assistant", "content": shot.answer})
    messages.append({"role": "user", "content": text})
    return Prompt(
        family=family,
        prompt_id=content_id(family, language, *(message["content"] for message in messages)),
        language=language,
        prompt=tuple(messages),
        answer_language=answer_language or language,
        gold=gold,
        source=source,
    )


def next_turn(prompt: Prompt, answer: str, follow_up: Prompt) -> Prompt:
    """The follow-up after what the model answered to the prompt; its id stays its own.

    So the turns of two models, whose first answers differ, still meet in one comparison.
    """
    answered: Message = {"role": "assistant", "content": answer}
    return replace(follow_up, prompt=(*prompt.prompt, answered, *follow_up.prompt))


def variant_of(benchmark: str, variants: Sequence[str], ask: Ask) -> str:
    """The variant that was asked for, the first where none was; InputError for an unknown one."""
    variant = ask.variant or variants[0]
    if variant not in variants:
        near = get_close_matches(variant, variants, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(variants[:12])}"
        raise InputError(f"{benchmark}: unknown variant {ask.variant!r}; {hint}")
    return variant


def no_shots(benchmark: str, ask: Ask) -> None:
    """ValueError where worked examples are asked of a benchmark that has none."""
    if ask.shots:
        raise InputError(
            f"{benchmark}: expected 0 shots, for no worked examples are published, came "
            f"{ask.shots}; leave the shots out"
        )


def first_shots(shots: Sequence[Shot], ask: Ask, benchmark: str) -> list[Shot]:
    """The first `ask.shots` of the worked examples; InputError where there are fewer."""
    if len(shots) < ask.shots:
        raise InputError(
            f"{benchmark}: expected at least {ask.shots} worked examples, came {len(shots)}; "
            "ask for fewer shots"
        )
    return list(shots[: ask.shots])


def content_of(examples: Iterable[Example]) -> str:
    """Content id of the questions: two runs with the same one asked the same things.

    Families, conversations, golds, choices and later turns count; where they came from does not.
    """
    parts = []
    for example in examples:
        for prompt in (example.prompt, *example.follow_ups):
            parts += [prompt.family, prompt.prompt_id, prompt.answer_language, prompt.gold or ""]
        parts += [part for choice in example.choices.items() for part in choice]
    return content_id(*parts)
