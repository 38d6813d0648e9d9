"""XWinograd: which of two mentions a pronoun stands for, in 6 languages.

Tikhonov and Ryabinin 2021, arXiv:2106.12066; github.com/yandex-research/crosslingual_winograd, and
with Chinese added on the hub (Muennighoff et al. 2022, arXiv:2211.01786). The languages are
collections of their own, not translations: every row is a family of its own.

By likelihood each mention takes the place of the pronoun. `accuracy` compares how likely the rest
of the sentence is after each (partial evaluation: Trinh and Le 2018, arXiv:1806.02847, section
3.1), `accuracy_whole` how likely mention and rest are together. Both have one prompt, the text
before the pronoun: the rest after a mention is worth the two together less the mention alone,
which is therefore a choice as well. Where nothing follows the pronoun the two are the same.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source, literals
from isoglot.benchmarks.choices import (
    ENGLISH,
    Question,
    family_of,
    grade_likeliest,
    grade_written,
    lettered,
    named,
    no_worked_examples,
    not_written,
    prompt_of,
)
from isoglot.benchmarks.rows import cell
from isoglot.core.errors import InputError
from isoglot.core.records import Choice, Prompt
from isoglot.core.rows import Row
from isoglot.evals.metric import mean_of

_ANSWERS = {"1": "option1", "2": "option2"}  # on the hub `answer` is "1" or "2", in text
_ALONE = " alone"
_BLANK = "_"
# The tokens of English rows write quotation marks in the manner of the Penn Treebank.
_TREEBANK = {"``": '"', "''": '"'}


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_worked_examples("xwinograd", ask)
    words = literals("xwinograd")["en" if ask.variant == ENGLISH else tag]
    questions: list[Question] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in rows("test"):
        sentence, options, gold = _published(row)
        key = (tag, sentence, *options.values())
        seen[key] = seen.get(key, 0) + 1
        questions.append(
            Question(
                family=family_of("xwinograd", *key, seen[key]),
                text=words["question"].format(sentence=sentence),
                options=options,
                gold=gold,
                stem=sentence,
            )
        )
    if ask.answering == "generation":
        return lettered(tag, questions, [], ask, likelihood=False)
    return [_filled(question, tag) for question in questions]


def _filled(question: Question, tag: str) -> Example:
    before, rest = question.stem.split(_BLANK, 1)
    prompt = before.rstrip()
    blank = before[len(prompt) :]
    choices = {label: f"{blank}{text}{rest}" for label, text in question.options.items()}
    if re.search(r"\w", rest):
        choices |= {f"{label}{_ALONE}": blank + text for label, text in question.options.items()}
    return Example(prompt_of(prompt, tag, question.family, question.gold), choices)


def _published(row: Row) -> tuple[str, Mapping[str, str], str]:
    """Sentence with a blank, options and gold label of a row of the hub or of the repository."""
    if "tokens" in row:
        return _with_tokens(row)
    sentence = str(cell(row, "sentence")).strip()
    if sentence.count(_BLANK) != 1:
        raise InputError(
            f"sentence {sentence[:60]!r}: expected one blank `_`, came {sentence.count(_BLANK)}; "
            "give the set as it is published"
        )
    options = {label: str(cell(row, label)).strip() for label in _ANSWERS.values()}
    return sentence, options, named(cell(row, "answer"), _ANSWERS, "answer", row)


def _with_tokens(row: Row) -> tuple[str, Mapping[str, str], str]:
    """The repository's rows: a pronoun and mentions with their tokens, one of them marked right."""
    sentence = str(cell(row, "sentence"))
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
    """Lists are JSON in the published table."""
    return json.loads(column) if isinstance(column, str) else column  # type: ignore[return-value]


def _spans(sentence: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Where each token stands in the sentence."""
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


def _partial(prompt: Prompt, choices: Sequence[Choice]) -> float | None:
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


ACCURACY = mean_of("accuracy", grade_written, _partial)
ACCURACY_WHOLE = mean_of(
    "accuracy_whole", not_written, lambda prompt, choices: grade_likeliest(prompt, _whole(choices))
)

XWINOGRAD = Benchmark(
    name="xwinograd",
    title="XWinograd: what a pronoun stands for",
    source=Source(
        hub="Muennighoff/xwinograd",
        split="test",
        files=("{code}.jsonl", "{split}/{code}.jsonl", "xwinograd.jsonl", "xwinograd.jsonl.gz"),
        how_to_get="get the folder test of huggingface.co/datasets/Muennighoff/xwinograd",
        licence="CC-BY-4.0 (hub), Apache-2.0 (repository)",
    ),
    languages={"en": "en", "fr": "fr", "ja": "jp", "pt": "pt", "ru": "ru", "zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY, ACCURACY_WHOLE),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
