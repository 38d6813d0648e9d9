"""XWinograd: which of two mentions a pronoun stands for, in 6 languages.

Tikhonov and Ryabinin 2021, arXiv:2106.12066; github.com/yandex-research/crosslingual_winograd, and
with Chinese added on the hub (Muennighoff et al. 2022, arXiv:2211.01786). The languages are
collections of their own, not translations: every row is a family of its own.

By likelihood each mention takes the place of the pronoun. `accuracy` compares the likelihood of the
rest of the sentence after each mention (partial evaluation: Trinh and Le 2018, arXiv:1806.02847,
section 3.1), `accuracy_whole` that of mention and rest together. Both share one prompt, the text
before the pronoun: log p(rest | mention) is log p(mention and rest) less log p(mention), so the
mention alone is a choice as well. Where nothing follows the pronoun the two metrics are equal.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from isoglot.benchmarks.benchmark import Example, PromptFormat
from isoglot.benchmarks.choices import (
    ChoiceItem,
    ItemSplit,
    choice_prompt,
    family_of,
    grade_likeliest,
    grade_stated,
    multiple_choice,
    named,
    ungraded,
)
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.core.errors import InputError
from isoglot.core.records import Choice, Prompt
from isoglot.core.rows import Row
from isoglot.evals.metric import mean_of

_ANSWERS = {"1": "option1", "2": "option2"}  # on the hub `answer` is "1" or "2", in text
_ALONE = " alone"
_BLANK = "_"
# The tokens of English rows write quotation marks in the manner of the Penn Treebank.
_TREEBANK = {"``": '"', "''": '"'}


def _items(split: ItemSplit) -> list[ChoiceItem]:
    words = split.words("xwinograd")
    items: list[ChoiceItem] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in split.rows:
        sentence, options, gold = _published(row)
        key = (split.language, sentence, *options.values())
        seen[key] = seen.get(key, 0) + 1
        items.append(
            ChoiceItem(
                family=family_of("xwinograd", *key, seen[key]),
                text=words["question"].format(sentence=sentence),
                options=options,
                gold=gold,
                stem=sentence,
            )
        )
    return items


def _filled(
    item: ChoiceItem, _shots: Sequence[ChoiceItem], tag: str, _format: PromptFormat
) -> Example:
    before, rest = item.stem.split(_BLANK, 1)
    prompt = before.rstrip()
    blank = before[len(prompt) :]
    choices = {label: f"{blank}{text}{rest}" for label, text in item.options.items()}
    if re.search(r"\w", rest):
        choices |= {f"{label}{_ALONE}": blank + text for label, text in item.options.items()}
    return Example(choice_prompt(prompt, tag, item, item.gold), choices)


def _published(row: Row) -> tuple[str, Mapping[str, str], str]:
    """Return sentence with a blank, options and gold label, from the hub or the repository."""
    if "tokens" in row:
        return _with_tokens(row)
    sentence = text_cell(row, "sentence")
    if sentence.count(_BLANK) != 1:
        raise InputError(
            f"sentence {sentence[:60]!r}: expected one blank `_`, came {sentence.count(_BLANK)}; "
            "give the set as it is published"
        )
    options = {label: text_cell(row, label) for label in _ANSWERS.values()}
    return sentence, options, named(cell(row, "answer"), _ANSWERS, "answer", row)


def _with_tokens(row: Row) -> tuple[str, Mapping[str, str], str]:
    """Read a row of the repository: a pronoun and mentions by their tokens, one marked as right."""
    sentence = text_cell(row, "sentence")
    _, (first, last), *_ = _parsed(cell(row, "pronoun"))
    mentions = _parsed(cell(row, "options"))
    right = [place for place, mention in enumerate(mentions) if mention[-1]]
    if len(mentions) != len(_ANSWERS) or len(right) != 1:
        raise InputError(
            f"sentence {sentence[:60]!r}: expected two options of which one is right, came "
            f"{len(mentions)} and {len(right)}; give the set as it is published"
        )
    spans = _spans(sentence, _parsed(cell(row, "tokens"))[:last])
    filled = f"{sentence[: spans[first][0]]}{_BLANK}{sentence[spans[last - 1][1] :]}"
    labels = list(_ANSWERS.values())
    options = {label: mention[0] for label, mention in zip(labels, mentions, strict=True)}
    return filled.strip(), options, labels[right[0]]


def _parsed(column: object) -> Sequence:
    """Read a list, which in the published table is JSON."""
    return json.loads(column) if isinstance(column, str) else column  # type: ignore[return-value]


def _spans(sentence: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Locate each token in the sentence: start, end."""
    spans, end = [], 0
    for token in tokens:
        token = _TREEBANK.get(token, token)
        start = sentence.find(token, end)
        if start < 0:
            raise InputError(
                f"sentence {sentence[:60]!r}: expected its tokens in it, {token!r} is not; "
                "give the set as it is published"
            )
        end = start + len(token)
        spans.append((start, end))
    return spans


def _grade_partial(prompt: Prompt, choices: Sequence[Choice]) -> float | None:
    values = {choice.label: choice.log_probability for choice in choices}
    rest = []
    for choice in _whole(choices):
        alone = values.get(f"{choice.label}{_ALONE}", 0.0)
        if choice.log_probability is None or alone is None:
            return None
        rest.append(replace(choice, log_probability=choice.log_probability - alone))
    return grade_likeliest(prompt, rest)


def _whole(choices: Sequence[Choice]) -> list[Choice]:
    return [choice for choice in choices if not choice.label.endswith(_ALONE)]


ACCURACY_WHOLE = mean_of(
    "accuracy_whole", ungraded, lambda prompt, choices: grade_likeliest(prompt, _whole(choices))
)

XWINOGRAD = multiple_choice(
    "xwinograd",
    _items,
    metrics=(mean_of("accuracy", grade_stated, _grade_partial), ACCURACY_WHOLE),
    by_likelihood=_filled,
)
