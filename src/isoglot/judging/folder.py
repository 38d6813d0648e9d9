"""The folder of what a judge said: what it was shown, its verdicts or grades, who was asked.

Prompts, answers and what was said of them stand in the same parts of whole families. `judge.json`
says what is judged and how, and what it has cost: the folder of another judge or of other answers
is refused and left as it is. A run that was interrupted goes on, and one with more prompts or
languages asks for those only.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Prompt, content_id
from isoglot.core.store import (
    count_rows,
    read_shard,
    shard_path,
    shard_paths,
    shards_of,
    write_json,
    write_shard,
)
from isoglot.execute.progress import Bar
from isoglot.judging.answers import Key
from isoglot.judging.verdicts import Replies, Reply, is_answered

RECORD = "judge.json"

_STOP_AFTER = 50
"""Replies, none of which could be read, after which no more are asked for."""


class Shown(Protocol):
    """A prompt with what the judge sees of its answers."""

    @property
    def prompt(self) -> Prompt: ...
    @property
    def answers(self) -> tuple[Completion, ...]: ...
    @property
    def key(self) -> Key: ...


class Asked(Protocol):
    """A judge in memory; one that counts what it costs has `cost_usd` too."""

    name: str


class _HasKey(Protocol):
    @property
    def family(self) -> str: ...
    @property
    def prompt_id(self) -> str: ...


S = TypeVar("S", bound=Shown)
V = TypeVar("V", bound=_HasKey)
J = TypeVar("J", bound=Asked)


class Kind(NamedTuple, Generic[S, V]):
    """What a folder holds."""

    sides: tuple[str, ...]
    """The folders of the answers, in the order in which `shown` takes them."""
    shown: Callable[..., S]
    said: str
    """The folder of the records of `record_type`, what the judge said."""
    record_type: type[V]
    replies: Callable[[V], Sequence[Reply]]
    num_replies: int
    """Replies to one prompt."""
    form: str
    """What a reply should hold, for the error where none does."""


class JudgedFolder(Generic[S, V]):
    """What a judge was shown and said, in `out`.

    `head` is what must not change, `settings` (of the judge) and whose answers they are; its
    `sources` may.
    """

    def __init__(self, out: Path, head: Mapping[str, Any], kind: Kind[S, V]) -> None:
        self._out = out
        self._head = head
        self._kind = kind
        self._judge = ""
        self._cost_before: float | None = None

    def check(self) -> None:
        """Raise InputError where the folder is of something else; it is left as it is."""
        path = self._out / RECORD
        if not path.exists():
            if any(shard_paths(self._out / name) for name in ("verdicts", "ratings")):
                raise InputError(
                    f"expected {RECORD} beside what a judge said in {self._out}, came none; "
                    "give another --out"
                )
            return
        was = _read_json(path)
        if was.keys() & {"a", "b", "model"} != self._head.keys() & {"a", "b", "model"}:
            holds = "the comparison of two models" if "b" in was else "the ratings of one model"
            raise InputError(f"{self._out} holds {holds}; give another --out")
        for key in [key for key in self._head if key != "sources"]:
            if was.get(key) != self._head[key]:
                old, new = _difference(was.get(key), self._head[key])
                raise InputError(
                    f"{self._out} holds {self._kind.said} with {key} {old} (now {new}); "
                    "give another --out, or the same answers and judge"
                )
        self._judge, self._cost_before = was.get("judge") or "", was.get("cost_usd")

    def add(self, parts: Callable[[], Iterable[Sequence[S]]], families_per_shard: int) -> None:
        """Put what the folder lacks into it, that of a known family to its part."""
        part_of, standing = self._standing()
        self._require_same_answers(parts, standing)
        self._write_record(None)
        next_part = len(self._parts())
        for items in parts():
            new = {item.key: item for item in items if item.key not in standing}
            more: dict[int, list[S]] = {}
            for item in new.values():
                if item.prompt.family in part_of:
                    more.setdefault(part_of[item.prompt.family], []).append(item)
            for index, known in more.items():
                self._write_shown(index, [*self._shown(index), *known])
            fresh = [item.prompt for item in new.values() if item.prompt.family not in part_of]
            for shard in shards_of(fresh, families_per_shard):
                self._write_shown(next_part, [new[_key(prompt)] for prompt in shard])
                next_part += 1

    def num_shown(self) -> int:
        """Prompts in the folder."""
        last = self._out / self._kind.sides[-1]
        return sum(count_rows(shard_path(last, index), Completion) for index in self._parts())

    def ask_all(
        self,
        load: Callable[[], J],
        ask: Callable[[Sequence[S], J, Bar], list[V]],
        again_unreadable: bool,
        bar: Bar,
    ) -> None:
        """Ask for what the folder lacks; the judge is loaded if there is anything.

        Raises InputError where many replies came and none could be read.
        """
        loaded: list[J] = []
        readable = self._has_readable()
        replies, behind = Replies(self._kind.form, int(readable)), 0
        # What an earlier run was stopped for, since nothing could be read, may be mended now.
        again = again_unreadable or not readable
        try:
            for index in self._parts():
                items, said = self._shown(index), self._said(index)
                missing = [item for item in items if self._is_missing(item, said, again)]
                if missing and not loaded:
                    loaded.append(load())
                    self._judge = loaded[0].name
                if missing:
                    said |= self._ask(missing, loaded[0], ask, replies, bar)
                    rows = [said[item.key] for item in items if item.key in said]
                    path = shard_path(self._out / self._kind.said, index)
                    write_shard(path, rows, self._kind.record_type)
                    self._write_record(loaded[0])
                behind += len(items)
                bar.reach(self._kind.num_replies * behind)
        finally:
            self._write_record(loaded[0] if loaded else None)
        replies.check(self._judge)

    def said(self) -> Iterator[V]:
        """All that the judge said."""
        for index in self._parts():
            yield from self._said(index).values()

    def unanswered(self) -> Iterator[Prompt]:
        """The prompts that a model failed on: the judge was not asked."""
        for index in self._parts():
            yield from (
                item.prompt for item in self._shown(index) if not is_answered(*item.answers)
            )

    @property
    def how(self) -> str:
        """Eight digits for the settings of the judge."""
        return content_id(json.dumps(self._head["settings"], sort_keys=True))[:8]

    @property
    def cost_usd(self) -> float | None:
        """What the folder has cost so far, over all runs."""
        return _read_json(self._out / RECORD)["cost_usd"]

    def _ask(
        self,
        items: Sequence[S],
        judge: J,
        ask: Callable[[Sequence[S], J, Bar], list[V]],
        replies: Replies,
        bar: Bar,
    ) -> dict[Key, V]:
        """A few at a time until one could be read."""
        said: dict[Key, V] = {}
        while len(said) < len(items):
            left = items[len(said) :]
            probe = (_STOP_AFTER - len(replies.unreadable)) // self._kind.num_replies
            rows = ask(left if replies.num_readable else left[: max(1, probe)], judge, bar)
            said |= {_key(row): row for row in rows}
            replies.add(reply for row in rows for reply in self._kind.replies(row))
            replies.check(judge.name, _STOP_AFTER)
        return said

    def _is_missing(self, item: S, said: Mapping[Key, V], again_unreadable: bool) -> bool:
        if not is_answered(*item.answers):
            return False
        row = said.get(item.key)
        return row is None or (again_unreadable and not self._is_readable(row))

    def _is_readable(self, row: V) -> bool:
        return all(reply.is_readable for reply in self._kind.replies(row))

    def _has_readable(self) -> bool:
        return any(self._is_readable(row) for row in self.said())

    def _parts(self) -> list[int]:
        """The parts whose files were all written, the last of which is that of the last side."""
        return list(range(len(shard_paths(self._out / self._kind.sides[-1]))))

    def _standing(self) -> tuple[dict[str, int], dict[Key, list[str]]]:
        """The part of each family, and the answers that are in the folder, as content ids."""
        part_of, standing = {}, {}
        for index in self._parts():
            for item in self._shown(index):
                part_of[item.prompt.family] = index
                standing[item.key] = _ids(item)
        return part_of, standing

    def _require_same_answers(
        self,
        parts: Callable[[], Iterable[Sequence[S]]],
        standing: Mapping[Key, list[str]],
    ) -> None:
        changed = [
            item.prompt.text[:40]
            for items in (parts() if standing else ())
            for item in items
            if standing.get(item.key, (ids := _ids(item))) != ids
        ]
        if changed:
            raise InputError(
                f"{self._out} holds {self._kind.said} on other answers of the same samplers "
                f"({len(changed)} differ, as to {changed[0]!r}); give another --out"
            )

    def _shown(self, index: int) -> list[S]:
        """Those in all files: an interrupted run may have written more of the first ones."""
        prompts = read_shard(shard_path(self._out / "prompts", index), Prompt)
        sides = [
            {_key(row): row for row in read_shard(shard_path(self._out / side, index), Completion)}
            for side in self._kind.sides
        ]
        keys = [(prompt, _key(prompt)) for prompt in prompts]
        return [
            self._kind.shown(prompt, *(side[key] for side in sides))
            for prompt, key in keys
            if key in sides[-1]
        ]

    def _write_shown(self, index: int, items: Sequence[S]) -> None:
        write_shard(shard_path(self._out / "prompts", index), [i.prompt for i in items], Prompt)
        sides = zip(*(item.answers for item in items), strict=True)
        for name, rows in zip(self._kind.sides, sides, strict=True):
            write_shard(shard_path(self._out / name, index), rows, Completion)

    def _said(self, index: int) -> dict[Key, V]:
        path = shard_path(self._out / self._kind.said, index)
        rows = read_shard(path, self._kind.record_type) if path.exists() else []
        return {_key(row): row for row in rows}

    def _write_record(self, judge: Asked | None) -> None:
        cost = getattr(judge, "cost_usd", None)
        known = [usd for usd in (self._cost_before, cost) if usd is not None]
        record = {"judge": self._judge, "cost_usd": sum(known) if known else None}
        write_json(self._out / RECORD, {**self._head, **record})


def count_by_language(prompts: Iterable[Prompt]) -> Counter[str]:
    """How many there are in each language that was asked for."""
    return Counter(prompt.answer_language for prompt in prompts)


def _ids(item: Shown) -> list[str]:
    return [answer.completion_id for answer in item.answers]


def _key(row: _HasKey) -> Key:
    return row.family, row.prompt_id


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot read {path} ({error}); give another --out") from error


def _difference(old: Any, new: Any, key: str = "") -> tuple[str, str]:
    """The first setting that differs, old and new."""
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(name for name in {**old, **new} if old.get(name) != new.get(name))
        return _difference(old.get(name), new.get(name), f"{key}{name}: ")
    return f"{key}{old!r:.60}", f"{new!r:.60}"
