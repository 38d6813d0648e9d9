"""Conversations: prompts with worked examples as earlier turns, open generation, later turns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.core.errors import InputError
from isoglot.core.records import Message, Prompt, content_id
from isoglot.core.rows import Row

ANSWER = "\ufffc"
"""Stands for the model's answer in a follow-up that is a conversation of its own."""


class Shot(NamedTuple):
    """A worked example: a user turn and the answer that the model should give."""

    user: str
    answer: str


def build_example(
    text: str,
    *,
    language: str,
    family: str,
    shots: Sequence[Shot] = (),
    answer_language: str | None = None,
    gold: str | None = None,
    source: str = "",
) -> Example:
    """Build an example whose prompt has its worked examples as earlier turns.

    The prompt's id is that of the whole conversation: another number of shots is another prompt.
    """
    turns = [turn for shot in shots for turn in (("user", shot.user), ("assistant", shot.answer))]
    turns.append(("user", text))
    messages = tuple({"role": role, "content": content} for role, content in turns)
    prompt_id = content_id(family, language, *(content for _, content in turns))
    answered_in = answer_language or language
    return Example(Prompt(family, prompt_id, language, messages, answered_in, gold, source))


def open_generation(
    name: str, example_of: Callable[[Row, int, str], Example], *, max_new_tokens: int = 512
) -> Benchmark:
    """Build a benchmark whose answers a judge compares.

    `example_of` takes a row, its place and its language.
    """

    def read(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
        return [example_of(row, place, tag) for place, row in enumerate(rows("test"))]

    return Benchmark(name, read, (), max_new_tokens=max_new_tokens, judged=True)


def next_turn(prompt: Prompt, answer: str, follow_up: Prompt) -> Prompt:
    """Return the follow-up after the model's answer to the prompt, with its own id.

    A follow-up with `ANSWER` in it has the answer there, and none of the turns before it.
    So the turns of two models, whose first answers differ, still meet in one comparison.
    """
    if ANSWER in follow_up.text:
        text = follow_up.text.replace(ANSWER, answer.strip())
        return replace(follow_up, prompt=({"role": "user", "content": text},))
    answered: Message = {"role": "assistant", "content": answer}
    return replace(follow_up, prompt=(*prompt.prompt, answered, *follow_up.prompt))


def first_shots(worked: Iterator[Shot], num: int, benchmark: str) -> list[Shot]:
    """Return the first worked examples, which are read if `num` is above 0.

    Raises:
        InputError: there are fewer than `num`.
    """
    shots = list(worked) if num else []
    if len(shots) < num:
        raise InputError(
            f"{benchmark}: expected at least {num} worked examples, came {len(shots)}; use fewer "
            "shots"
        )
    return shots[:num]


def content_of(examples: Iterable[Example]) -> str:
    """Return the content id of examples: two runs with the same one had the same examples.

    Families, conversations, golds, choices and later turns count; the source of the rows does not.
    """
    parts = []
    for example in examples:
        for prompt in (example.prompt, *example.follow_ups):
            parts += [prompt.family, prompt.prompt_id, prompt.answer_language, prompt.gold or ""]
        parts += [part for choice in example.choices.items() for part in choice]
    return content_id(*parts)
