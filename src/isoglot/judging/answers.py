"""The answers to judge, from a folder of `isoglot evaluate` or a file of completions.

Both are read part by part, so that two large evaluations fit in little memory.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.forms import RowColumns
from isoglot.core.language_sets import expand
from isoglot.core.protocols import Sampling
from isoglot.core.records import Completion, Message, Prompt, PromptKey, content_id, prompt_key
from isoglot.core.row_sources import FileRowsConfig
from isoglot.core.rows import Row, is_rows_file, read_rows
from isoglot.core.section import Section
from isoglot.core.store import check_files, read_shard, shard_paths, shards_of
from isoglot.data.generate import generate
from isoglot.data.prompts import read_prompts
from isoglot.evals.graders import GraderName
from isoglot.models.load import FileSamplerConfig, load_sampler

_FAMILIES_IN_A_PART = 256


class AnswerColumns(Section):
    """The columns of a file of completions; one that is left out has the first usual name there."""

    prompt: str | None = None
    """`prompt` or `instruction`: a text, or a list of `{role, content}`."""
    completion: str | None = None
    """`completion` or `output`."""
    language: str | None = None
    """`language` or `lang`: a BCP-47 tag."""
    family: str | None = None
    """`family`, `id`, `index` or `question_id`: equal in all languages of a prompt."""
    sampler: str | None = None
    """`sampler`, `model` or `generator`; without one, the name of the file."""


_USUAL = {
    "prompt": ("prompt", "instruction"),
    "completion": ("completion", "output"),
    "language": ("language", "lang"),
    "family": ("family", "id", "index", "question_id"),
    "sampler": ("sampler", "model", "generator"),
}


class JudgedItem(NamedTuple):
    """A prompt with the answers that a judge sees: one to rate, or A's and B's to compare."""

    prompt: Prompt
    answers: tuple[Completion, ...]

    @property
    def key(self) -> PromptKey:
        """Identifies the prompt."""
        return prompt_key(self.prompt)


class _Entry(NamedTuple):
    part: int
    language: str
    content: str
    """Content id of all user turns."""
    start: str


class ModelAnswers:
    """The answers of one sampler, of which a few parts are in memory at a time.

    `task` is the name of the folder, or `answers` for those of a file.

    Raises:
        InputError: there are no answers, or those of several samplers.
    """

    def __init__(
        self,
        path: Path,
        task: str,
        parts: Sequence[Callable[[], list[JudgedItem]]],
        languages: Collection[str],
    ) -> None:
        self.path = path
        self.task = task
        self._part = lru_cache(maxsize=2)(lambda number: _by_key(parts[number](), languages))
        self._num_parts = len(parts)
        self._entries: dict[PromptKey, _Entry] = {}
        samplers: set[str] = set()
        for number in range(len(parts)):
            for key, (prompt, answers) in self._part(number).items():
                samplers.add(answers[0].sampler)
                turns = (turn["content"] for turn in prompt.prompt if turn["role"] == "user")
                content, start = content_id(*turns), prompt.text[:40]
                self._entries[key] = _Entry(number, prompt.answer_language, content, start)
        if len(samplers) != 1:
            came = ", ".join(sorted(samplers)[:5]) or "none"
            hint = f" in {', '.join(languages)}" if languages else ""
            raise InputError(
                f"expected the answers of one model{hint} in {path}, came {came}; "
                "correct the path, the task or the languages"
            )
        self.sampler = samplers.pop()

    @property
    def languages(self) -> list[str]:
        """The languages of the answers, as the prompts request them."""
        return sorted({entry.language for entry in self._entries.values()})

    def parts(self) -> Iterator[list[JudgedItem]]:
        """Read the answers part by part."""
        for number in range(self._num_parts):
            yield list(self._part(number).values())

    def answer(self, key: PromptKey) -> JudgedItem:
        """Read the answer to one prompt."""
        return self._part(self._entries[key].part)[key]

    def require_same_prompts(self, other: "ModelAnswers") -> None:
        """Raise InputError, naming the difference, where two samplers answered other prompts."""
        for here, there in ((self, other), (other, self)):
            if lacks := here._entries.keys() - there._entries.keys():
                tags = Counter(here._entries[key].language for key in lacks)
                named = ", ".join(f"{num} {tag}" for tag, num in sorted(tags.items()))
                raise InputError(
                    f"expected the same prompts on both sides: {here.path} has {len(lacks)} of "
                    f"{len(here._entries)} that {there.path} lacks ({named}), as "
                    f"{here._entries[min(lacks)].start!r}; compare runs on the same prompts, or "
                    "name the languages that both have"
                )
        for key, entry in sorted(self._entries.items()):
            if entry.content != other._entries[key].content:
                raise InputError(
                    f"expected the same prompts on both sides: prompt {key[1]} is "
                    f"{entry.start!r} in {self.path} and {other._entries[key].start!r} in "
                    f"{other.path}; compare runs on the same prompts"
                )


def read_answers(
    path: Path,
    *,
    task: str | None = None,
    languages: Sequence[str] = (),
    columns: AnswerColumns | None = None,
) -> ModelAnswers:
    """Read the answers in a folder of `isoglot evaluate`, of one of its tasks, or in a file.

    The first one is taken of several samples. `languages` are tags and sets, by default all.

    Raises:
        InputError: no such folder or file.
    """
    tags = expand(languages)
    if path.is_dir():
        folder = _task_folder(path, task)
        return ModelAnswers(path, folder.resolve().name, _folder_parts(folder), tags)
    if path.is_file() and is_rows_file(path.name):
        parts = _file_parts(path, columns or AnswerColumns(), tags)
        return ModelAnswers(path, "answers", parts, tags)
    came = "a file of another kind" if path.is_file() else "nothing"
    raise InputError(
        f"expected a folder of `isoglot evaluate` or a file of completions (JSONL, JSON, CSV, "
        f"TSV or Parquet) at {path}, came {came}; correct the path"
    )


def paired_answers(a: ModelAnswers, b: ModelAnswers) -> Iterator[list[JudgedItem]]:
    """Pair the answers of both, in the parts of A; see `ModelAnswers.require_same_prompts`."""
    for items in a.parts():
        yield [_pair(item, b.answer(item.key)) for item in items]


def _pair(a: JudgedItem, b: JudgedItem) -> JudgedItem:
    """Pair two answers, with the turns that differ, as those before a second turn do."""
    ours, theirs = (
        tuple(turn for turn in item.prompt.prompt if turn["role"] != "system") for item in (a, b)
    )
    if ours == theirs:
        # Each side may have a system prompt of its own: then the judge sees neither.
        prompt = a.prompt if a.prompt.prompt == b.prompt.prompt else replace(a.prompt, prompt=ours)
        return JudgedItem(prompt, (*a.answers, *b.answers))
    together = zip(ours, theirs, strict=False)
    shared = tuple(one for one, _ in takewhile(lambda turns: turns[0] == turns[1], together))
    sides = (a.answers[0], ours[len(shared) :]), (b.answers[0], theirs[len(shared) :])
    return JudgedItem(replace(a.prompt, prompt=shared), tuple(_with_turns(*side) for side in sides))


def _with_turns(completion: Completion, turns: Sequence[Message]) -> Completion:
    conversation = [*turns, {"role": "assistant", "content": completion.text}]
    text = "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in conversation)
    return replace(completion, text=text)


def _by_key(items: Sequence[JudgedItem], languages: Collection[str]) -> dict[PromptKey, JudgedItem]:
    return {
        item.key: item
        for item in items
        if not languages or item.prompt.answer_language in languages
    }


def task_grader(path: Path, task: str | None) -> GraderName | None:
    """Return the grader of an evaluated task; None for a benchmark, or a file of completions."""
    if path.is_file():
        return None
    folder = _task_folder(path, task)
    record = folder.parent / "evaluation.json"
    if not record.is_file():
        return None
    tasks = read_json(record, mend="evaluate again into a new --out").get("tasks", {})
    settings = tasks.get(folder.name, {})
    is_benchmark = settings.get("prompts", {}).get("kind") == "benchmark"
    return None if is_benchmark else settings.get("grader")


def _task_folder(path: Path, task: str | None) -> Path:
    """Find the folder with `prompts` and `completions`: this one, or that of its only task."""
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


def _folder_parts(folder: Path) -> list[Callable[[], list[JudgedItem]]]:
    """The parts of a task, with its later turns, whose folders have the same families in them."""
    check_files(folder)
    turns = [folder, *sorted(folder.glob("turn-*"))]
    names = [path.name for path in shard_paths(folder / "prompts")]
    for turn in turns:
        for rows in ("prompts", "completions"):
            if odd := {path.name for path in shard_paths(turn / rows)} ^ set(names):
                raise InputError(
                    f"expected {rows} in the same parts as {folder / 'prompts'}, came others in "
                    f"{turn / rows} ({min(odd)}); repeat its `isoglot evaluate`, which resumes"
                )

    def part(name: str) -> Callable[[], list[JudgedItem]]:
        return lambda: [item for turn in turns for item in _items(turn, name)]

    return [part(name) for name in names]


def _items(folder: Path, name: str) -> list[JudgedItem]:
    prompt_of = {prompt_key(row): row for row in read_shard(folder / "prompts" / name, Prompt)}
    rows = read_shard(folder / "completions" / name, Completion)
    return [JudgedItem(prompt_of[prompt_key(row)], (row,)) for row in rows if row.sample == 0]


def _file_parts(
    path: Path, columns: AnswerColumns, languages: Sequence[str]
) -> list[Callable[[], list[JudgedItem]]]:
    there: Row = next((row for _, row in read_rows(path)), {})
    if not there:
        raise InputError(f"expected completions in {path}, came no row; correct the path")
    given = columns.model_dump()
    names: dict[str, str | None] = {
        name: given[name] or next((column for column in usual if column in there), None)
        for name, usual in _USUAL.items()
    }
    column, family = names["language"], names["family"]
    if column is None and len(languages) != 1:
        raise InputError(
            f"expected a column `language` in {path}, came {', '.join(there)}; name the column, or "
            "the one language of the file"
        )
    prompt, completion = names["prompt"], names["completion"]
    if prompt is None or completion is None:
        raise InputError(
            f"expected a column {'completion' if prompt else 'prompt'!r} in {path}, came "
            f"{', '.join(there)}; name the column that holds it"
        )
    tag = () if column is None else (column,)
    ids = (*tag, family or prompt)
    prompts = read_prompts(
        FileRowsConfig(
            path=str(path),
            columns=RowColumns(prompt=prompt, language=column),
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
    items = {prompt_key(p): JudgedItem(p, (row,)) for p, row in zip(prompts, rows, strict=True)}

    def part(shard: Sequence[Prompt]) -> Callable[[], list[JudgedItem]]:
        return lambda: [items[prompt_key(prompt)] for prompt in shard]

    return [part(shard) for shard in shards_of(prompts, _FAMILIES_IN_A_PART)]
