"""Multiple choice: rows as items, items as prompts, and grades of the answers.

By likelihood, the choice is the one whose text the model finds likeliest after the prompt; by
generation, the one that the answer states. Labels have names (`B`, `paraphrase`): a published
number becomes a name in one place, the benchmark's own file.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.stated_choice import Options, choice_words, find_stated_choice
from isoglot.core.errors import InputError
from isoglot.core.records import Choice, Prompt, content_id
from isoglot.core.rows import Row
from isoglot.core.text import length_chars
from isoglot.evals.metric import Metric, mean_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Letters before the options of an item."""

ENGLISH_VARIANT = "english"
"""Variant with the words of the prompt in English, whatever the language of the item."""

LM_EVAL_VARIANT = "lm_eval"
"""Variant with the prompt of lm-eval 0.4."""


class ItemSplit(NamedTuple):
    """Rows of a split in one language, with the format of their prompts."""

    name: str
    """`test` or `train`."""
    rows: Sequence[Row]
    language: str
    prompt_format: PromptFormat

    def words(self, benchmark: str) -> Mapping[str, Any]:
        """Return the words of the benchmark in the language of the prompts."""
        is_english = self.prompt_format.variant == ENGLISH_VARIANT
        return literals(benchmark)["en" if is_english else self.language]


@dataclass(frozen=True, slots=True)
class ChoiceItem:
    """A multiple-choice item, with names for the parts of its row."""

    family: str
    """The same in every language if the benchmark is parallel."""
    text: str
    """The question, without the options."""
    options: Mapping[str, str]
    """Label → text, in the order shown."""
    gold: str
    """Label of the correct option."""
    passage: str = ""
    subject: str = ""
    """Worked examples come from the same subject."""
    stem: str = ""
    """Text that an option continues in a cloze, if it does not answer the question."""
    endings: Mapping[str, str] = field(default_factory=dict)
    """Label → continuation of the stem in a cloze, with its leading blank."""
    source: str = ""
    """The set, and after a `/` the facet of the item where it has one."""


Render = Callable[[ChoiceItem, Sequence[ChoiceItem], str, PromptFormat], Example]
"""Item, worked examples, language, prompt format → example; `lettered` and `cloze` are such."""


def named(value: Any, names: Mapping[str, str], what: str, row: Row) -> str:
    """Return the name of a published label; raises InputError for one that has none."""
    published = str(value).strip()
    if published not in names:
        raise InputError(
            f"{what} of row {str(dict(row))[:80]!r}: expected {' or '.join(names)}, came "
            f"{value!r}; give the set as it is published"
        )
    return names[published]


def family_of(benchmark: str, *key: object) -> str:
    """Return the family of a row: the content id of the values it has in every language."""
    return content_id(benchmark, *map(str, key))


def worked_examples(
    name: str, num: int, items: Sequence[ChoiceItem], candidates: Sequence[ChoiceItem]
) -> list[ChoiceItem]:
    """Return the candidates that are none of the items themselves.

    Raises:
        InputError: fewer than `num` are left for a subject of the items.
    """

    def content(item: ChoiceItem) -> tuple[str, ...]:
        return (item.passage, item.text, *item.options.values())

    tested = set(map(content, items))
    found = [item for item in candidates if content(item) not in tested]
    for subject in {item.subject for item in items}:
        left = sum(shot.subject == subject for shot in found)
        if left < num:
            of_subject = f" of {subject}" if subject else ""
            raise InputError(
                f"{name}: expected {num} worked examples{of_subject}, came {left}; use fewer shots"
            )
    return found


def render_items(
    render: Render,
    items: Sequence[ChoiceItem],
    shots: Sequence[ChoiceItem],
    tag: str,
    prompt_format: PromptFormat,
) -> list[Example]:
    """Render items, each after the first worked examples of its subject."""
    shots_of: dict[str, list[ChoiceItem]] = defaultdict(list)
    for shot in shots:
        shots_of[shot.subject].append(shot)
    num = prompt_format.shots
    return [render(item, shots_of[item.subject][:num], tag, prompt_format) for item in items]


def lettered(
    item: ChoiceItem, shots: Sequence[ChoiceItem], tag: str, prompt_format: PromptFormat
) -> Example:
    """Render an item that shows its options with letters and is answered by a letter.

    By likelihood the letter is scored, after the same prompt as in generation.
    """
    words = _words(tag, prompt_format)
    answered = [
        _shown(shot, words) + after(words["answer"], LETTERS[list(shot.options).index(shot.gold)])
        for shot in shots
    ]
    text = "\n\n".join(filter(None, [words["instruction"], *answered, _shown(item, words)]))
    letters = dict(zip(LETTERS, item.options, strict=False))
    if prompt_format.answering == "likelihood":
        choices = {label: after(words["answer"], letter) for letter, label in letters.items()}
        return Example(choice_prompt(text, tag, item, item.gold), choices)
    texts = {label: [option] for label, option in item.options.items()}
    return Example(choice_prompt(text, tag, item, generation_gold(item.gold, letters, texts)))


def cloze(
    item: ChoiceItem, shots: Sequence[ChoiceItem], tag: str, prompt_format: PromptFormat
) -> Example:
    """Render an item without its options, whose texts are scored by likelihood.

    The options continue the stem or, without one, answer the question.
    """
    words = _words(tag, prompt_format)

    def stem(item: ChoiceItem) -> str:
        return item.stem or f"{words['question'].format(text=item.text)}\n{words['answer']}"

    def endings(item: ChoiceItem) -> Mapping[str, str]:
        return item.endings or {
            label: after(stem(item), option) for label, option in item.options.items()
        }

    answered = [stem(shot) + endings(shot)[shot.gold] for shot in shots]
    text = "\n\n".join([*answered, stem(item)])
    return Example(choice_prompt(text, tag, item, item.gold), endings(item))


def choice_prompt(text: str, tag: str, item: ChoiceItem, gold: str) -> Prompt:
    """Build the prompt of an item."""
    return Prompt.from_text(text, language=tag, family=item.family, gold=gold, source=item.source)


def after(prompt: str, text: str) -> str:
    """Return a text as it follows a prompt: after a blank, save after a full-width sign or line."""
    return text if not prompt or prompt[-1] in "：？！。，、\n " else f" {text}"


def _words(tag: str, prompt_format: PromptFormat) -> Mapping[str, Any]:
    if prompt_format.variant == LM_EVAL_VARIANT:
        return {**choice_words("en"), "instruction": "", "question": "{text}"}
    return choice_words("en" if prompt_format.variant == ENGLISH_VARIANT else tag)


def _shown(item: ChoiceItem, words: Mapping[str, Any]) -> str:
    passage = [words["passage"].format(text=item.passage)] if item.passage else []
    options = [
        f"{letter}. {text}" for letter, text in zip(LETTERS, item.options.values(), strict=False)
    ]
    return "\n".join(
        [*passage, words["question"].format(text=item.text), *options, words["answer"]]
    )


def generation_gold(
    label: str, letters: Mapping[str, str], texts: Mapping[str, Sequence[str]]
) -> str:
    """Return the gold of an item answered by generation: JSON of the label and all options."""
    listed = {each: list(spellings) for each, spellings in texts.items()}
    gold = {"label": label, "letters": dict(letters), "texts": listed}
    return json.dumps(gold, ensure_ascii=False)


def grade_stated(prompt: Prompt, text: str) -> float | None:
    """Return 1.0 if the text states the gold label, 0.0 if another, None if it states none."""
    try:
        gold = json.loads(prompt.gold or "")
        options = Options(gold["letters"], gold["texts"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected a gold with all options, came "
            f"{prompt.gold!r:.60}; it is one for likelihood, set `answering` to generation"
        ) from error
    label = find_stated_choice(text, options, prompt.language)
    return None if label is None else float(label == gold["label"])


def grade_likeliest(
    prompt: Prompt, choices: Sequence[Choice], *, per_char: bool = False
) -> float | None:
    """Return 1.0 if the gold label is the likeliest, 0.0 if another is, the share of 1.0 in a tie.

    Compares sums of log-probabilities, with `per_char` divided by the characters of the choice.
    None if the likelihood of any choice is unknown: the missing one might be the likeliest.
    """
    values = {}
    for choice in choices:
        value = choice.log_probability
        if value is None or math.isnan(value):
            return None
        values[choice.label] = value / (max(1, length_chars(choice.text)) if per_char else 1)
    if prompt.gold not in values:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected a choice with the gold label {prompt.gold!r}, "
            f"came {', '.join(values)}; write the choices again"
        )
    best = max(values.values())
    likeliest = [label for label, value in values.items() if value == best]
    return 1 / len(likeliest) if prompt.gold in likeliest else 0.0


def ungraded(_prompt: Prompt, _text: str) -> float | None:
    """Return None: the grade of a generated answer by a metric of likelihoods."""
    return None


CHOICE_ACCURACY = mean_of("accuracy", grade_stated, grade_likeliest)

ACCURACY_PER_CHAR = mean_of(
    "accuracy_per_char",
    ungraded,
    lambda prompt, choices: grade_likeliest(prompt, choices, per_char=True),
)
"""Accuracy by log-probability per character of a choice, like `acc_norm` of lm-eval."""


def multiple_choice(
    name: str,
    read_items: Callable[[ItemSplit], list[ChoiceItem]],
    *,
    metrics: Sequence[Metric] = (CHOICE_ACCURACY, ACCURACY_PER_CHAR),
    variants: tuple[str, ...] = ("", ENGLISH_VARIANT),
    by_likelihood: Render = cloze,
    by_generation: Render = lettered,
) -> Benchmark:
    """Build a benchmark of items, with a rendering for each kind of answering."""

    def read(rows: ReadSplit, tag: str, prompt_format: PromptFormat) -> list[Example]:
        items = read_items(ItemSplit("test", rows("test"), tag, prompt_format))
        shots: list[ChoiceItem] = []
        if prompt_format.shots:
            train = read_items(ItemSplit("train", rows("train"), tag, prompt_format))
            shots = worked_examples(name, prompt_format.shots, items, train)
        is_generated = prompt_format.answering == "generation"
        render = by_generation if is_generated else by_likelihood
        return render_items(render, items, shots, tag, prompt_format)

    return Benchmark(
        name,
        read,
        metrics,
        answering=("likelihood", "generation"),
        variants=variants,
        max_new_tokens=256,
    )
