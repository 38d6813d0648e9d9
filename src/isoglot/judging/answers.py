"""The answers that are compared: a folder of `isoglot evaluate`, or a file of completions.

Both are read part by part, so that two large evaluations meet in little memory.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from glob import escape
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.language_sets import expand
from isoglot.core.protocols import Sampling
from isoglot.core.records import Completion, Message, Prompt, content_id
from isoglot.core.rows import Row, is_rows_file, read_rows
from isoglot.core.section import Section
from isoglot.core.store import read_shard, shard_paths, shards_of
from isoglot.data.generate import generate
from isoglot.data.prompts import PromptColumns, PromptFileConfig, read_prompts
from isoglot.models.load import FileSamplerConfig, load_sampler

Key = tuple[str, str]
"""Family and prompt id."""

_FAMILIES_IN_A_PART = 256


class AnswerColumns(Section):
    """Which column of a file of completions holds what; left out, the first usual name it has."""

    prompt: str | None = None
    """`prompt` or `instruction`: a text, or a list of `{role, content}`."""
    completion: str | None = None
    """`completion` or `output`."""
    language: str | None = None
    """`language` or `lang`: a BCP-47 tag."""
    family: str | None = None
    """`family`, `id`, `index` or `question_id`: equal in all languages of a prompt."""
    sampler: str | None = None
    """`sampler`, `model` or `generator`; without one the name of the file stands for it."""


_USUAL = {
    "prompt": ("prompt", "instruction"),
    "completion": ("completion", "output"),
    "language": ("language", "lang"),
    "family": ("family", "id", "index", "question_id"),
    "sampler": ("sampler", "model", "generator"),
}


class Pair(NamedTuple):
    """Two answers to one prompt."""

    prompt: Prompt
    a: Completion
    b: Completion

    @property
    def answers(self) -> tuple[Completion, ...]:
        """Both."""
        return self.a, self.b

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return _key(self.prompt)


class Item(NamedTuple):
    """An answer to a prompt."""

    prompt: Prompt
    completion: Completion

    @property
    def answers(self) -> tuple[Completion, ...]:
        """The one."""
        return (self.completion,)

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return _key(self.prompt)


class _Place(NamedTuple):
    part: int
    language: str
    asked: str
    """Content id of what the user says, over all turns."""
    start: str


class Answers:
    """One sampler's answers, of which a few parts are in memory at a time.

    `task` is what they are called: the folder's own name, or `answers` for those of a file.
    Raises InputError for parts without answers, or with those of several samplers.
    """

    def __init__(
        self,
        where: Path,
        task: str,
        parts: Sequence[Callable[[], list[Item]]],
        languages: Collection[str],
    ) -> None:
        self.where = where
        self.task = task
        self._part = lru_cache(maxsize=2)(lambda number: _by_key(parts[number](), languages))
        self._num_parts = len(parts)
        self._place: dict[Key, _Place] = {}
        samplers: set[str] = set()
        for number in range(len(parts)):
            for key, item in self._part(number).items():
                samplers.add(item.completion.sampler)
                self._place[key] = _Place(
                    number,
                    item.prompt.answer_language,
                    content_id(*(turn["content"] for turn in _said(item.prompt, "user"))),
                    item.prompt.text[:40],
                )
        if len(samplers) != 1:
            came = ", ".join(sorted(samplers)[:5]) or "none"
            hint = f" in {', '.join(languages)}" if languages else ""
            raise InputError(
                f"expected the answers of one model{hint} in {where}, came {came}; "
                "correct the path, the task or the languages"
            )
        self.sampler = samplers.pop()

    @property
    def languages(self) -> list[str]:
        """The languages that were asked for."""
        return sorted({place.language for place in self._place.values()})

    def parts(self) -> Iterator[list[Item]]:
        """The answers, part by part."""
        for number in range(self._num_parts):
            yield list(self._part(number).values())

    def answer(self, key: Key) -> Item:
        """The answer to one prompt."""
        return self._part(self._place[key].part)[key]

    def require_same_prompts(self, other: "Answers") -> None:
        """Raise InputError, naming the difference, where two samplers were asked other things."""
        for here, there in ((self, other), (other, self)):
            if lacks := here._place.keys() - there._place.keys():
                tags = Counter(here._place[key].language for key in lacks)
                named = ", ".join(f"{num} {tag}" for tag, num in sorted(tags.items()))
                raise InputError(
                    f"expected the same prompts on both sides: {here.where} has {len(lacks)} of "
                    f"{len(here._place)} that {there.where} lacks ({named}), as "
                    f"{here._place[min(lacks)].start!r}; compare runs on the same prompts, or name "
                    "the languages that both have"
                )
        for key, place in sorted(self._place.items()):
            if place.asked != other._place[key].asked:
                raise InputError(
                    f"expected the same prompts on both sides: prompt {key[1]} is "
                    f"{place.start!r} in {self.where} and {other._place[key].start!r} in "
                    f"{other.where}; compare runs on the same prompts"
                )


def read_answers(
    path: Path,
    *,
    task: str | None = None,
    languages: Sequence[str] = (),
    columns: AnswerColumns | None = None,
) -> Answers:
    """The answers in a folder of `isoglot evaluate`, of one of its tasks; or in a file.

    Of several samples of a prompt the first one is taken. `languages` are the tags and
    sets to compare, by default all. Raises InputError for what is no such folder or file.
    """
    tags = expand(languages)
    if path.is_dir():
        folder = _task_folder(path, task)
        return Answers(path, folder.resolve().name, _folder_parts(folder), tags)
    if path.is_file() and is_rows_file(path.name):
        return Answers(path, "answers", _file_parts(path, columns or AnswerColumns(), tags), tags)
    came = "a file of another kind" if path.is_file() else "nothing"
    raise InputError(
        f"expected a folder of `isoglot evaluate` or a file of completions (JSONL, JSON, CSV, "
        f"TSV or Parquet) at {path}, came {came}; correct the path"
    )


def pairs_of(a: Answers, b: Answers) -> Iterator[list[Pair]]:
    """The answers of both, in the parts of A; see `Answers.require_same_prompts`."""
    for items in a.parts():
        yield [_pair(item, b.answer(_key(item.prompt))) for item in items]


def _pair(a: Item, b: Item) -> Pair:
    """Where earlier turns differ, as in a second turn, what follows them is part of the answer."""
    ours, theirs = _turns(a.prompt), _turns(b.prompt)
    if ours == theirs:
        # Each side may have a system prompt of its own: then the judge sees neither.
        prompt = a.prompt if a.prompt.prompt == b.prompt.prompt else replace(a.prompt, prompt=ours)
        return Pair(prompt, a.completion, b.completion)
    together = zip(ours, theirs, strict=False)
    shared = tuple(one for one, _ in takewhile(lambda turns: turns[0] == turns[1], together))
    return Pair(
        replace(a.prompt, prompt=shared),
        _with_turns(a.completion, ours[len(shared) :]),
        _with_turns(b.completion, theirs[len(shared) :]),
    )


def _with_turns(completion: Completion, turns: Sequence[Message]) -> Completion:
    said = [*turns, {"role": "assistant", "content": completion.text}]
    text = "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in said)
    return replace(completion, text=text)


def _turns(prompt: Prompt) -> tuple[Message, ...]:
    return tuple(turn for turn in prompt.prompt if turn["role"] != "system")


def _said(prompt: Prompt, role: str) -> list[Message]:
    return [turn for turn in prompt.prompt if turn["role"] == role]


def _key(row: Prompt | Completion) -> Key:
    return row.family, row.prompt_id


def _by_key(items: Sequence[Item], languages: Collection[str]) -> dict[Key, Item]:
    return {
        _key(item.prompt): item
        for item in items
        if not languages or item.prompt.answer_language in languages
    }


def _task_folder(path: Path, task: str | None) -> Path:
    """The folder with `prompts` and `completions`: this one, or that of the only task in it."""
    if task is not None:
        path = path / task
    if (path / "prompts").is_dir() and (path / "completions").is_dir():
        return path
    found = sorted(
        folder.parent.name
        for folder in path.glob("*/completions")
        if (folder.parent / "prompts").is_dir()
    )
    if len(found) == 1:
        return path / found[0]
    mend = f"name one of {', '.join(found)} as task" if found else "correct the path"
    raise InputError(
        f"expected one task with prompts and completions in {path}, came {len(found)}; {mend}"
    )


def _folder_parts(folder: Path) -> list[Callable[[], list[Item]]]:
    """The parts of a task; later turns, in folders of their own, have the same families in them."""
    turns = [folder, *sorted(folder.glob("turn-*"))]
    names = [path.name for path in shard_paths(folder / "prompts")]
    for turn in turns:
        for rows in ("prompts", "completions"):
            if odd := {path.name for path in shard_paths(turn / rows)} ^ set(names):
                raise InputError(
                    f"expected {rows} in the same parts as {folder / 'prompts'}, came others in "
                    f"{turn / rows} ({min(odd)}); give its `isoglot evaluate` again, which goes on"
                )

    def part(name: str) -> Callable[[], list[Item]]:
        return lambda: [item for turn in turns for item in _items(turn, name)]

    return [part(name) for name in names]


def _items(folder: Path, name: str) -> list[Item]:
    """The first sample of each prompt in a part."""
    prompt_of = {_key(prompt): prompt for prompt in read_shard(folder / "prompts" / name, Prompt)}
    rows = read_shard(folder / "completions" / name, Completion)
    return [Item(prompt_of[_key(row)], row) for row in rows if row.sample == 0]


def _file_parts(
    path: Path, columns: AnswerColumns, languages: Sequence[str]
) -> list[Callable[[], list[Item]]]:
    names = _names(path, columns)
    column, family = names["language"], names["family"]
    if column is None and len(languages) != 1:
        raise InputError(
            f"expected a column `language` in {path}, came {', '.join(_first_row(path))}; name the "
            "column, or the one language of the file"
        )
    prompt, completion = (_required(names, name, path) for name in ("prompt", "completion"))
    tag = () if column is None else (column,)
    ids = (*tag, family or prompt)
    prompts = read_prompts(
        PromptFileConfig(
            path=escape(str(path)),
            columns=PromptColumns(prompt=prompt, language=column),
            language=None if column else languages[0],
            family=(family,) if family else (),
            id=ids,
        )
    )
    sampler = load_sampler(
        FileSamplerConfig(
            path=path, id_columns=ids, text_column=completion, sampler_column=names["sampler"]
        )
    )
    rows = generate(prompts, sampler, Sampling())
    items = {_key(row): Item(asked, row) for asked, row in zip(prompts, rows, strict=True)}

    def part(shard: Sequence[Prompt]) -> Callable[[], list[Item]]:
        return lambda: [items[_key(asked)] for asked in shard]

    return [part(shard) for shard in shards_of(prompts, _FAMILIES_IN_A_PART)]


def _names(path: Path, columns: AnswerColumns) -> dict[str, str | None]:
    there = _first_row(path)
    given = columns.model_dump()
    return {
        name: given[name] or next((column for column in usual if column in there), None)
        for name, usual in _USUAL.items()
    }


def _required(names: dict[str, str | None], name: str, path: Path) -> str:
    column = names[name]
    if column is None:
        raise InputError(
            f"expected a column {name!r} in {path}, came {', '.join(_first_row(path))}; "
            "name the column that holds it"
        )
    return column


def _first_row(path: Path) -> Row:
    return next((row for _, row in read_rows(path)), {})
