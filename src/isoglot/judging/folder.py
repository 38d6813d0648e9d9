"""The folder of a judge's verdicts or ratings, and of the prompts and answers that it was shown.

Prompts, answers and records lie in the same parts of whole families. `judge.json` says what is
judged by whom, and what that has cost: the folder of another judge or of other answers is refused
and left as it is. An interrupted run resumes, and one with more prompts or languages judges only
those.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.records import Completion, OfPrompt, Prompt, PromptKey, content_id, prompt_key
from isoglot.core.store import (
    count_rows,
    read_shard,
    shard_path,
    shard_paths,
    shards_of,
    write_shard,
)
from isoglot.execute.ledger import refuse_changes
from isoglot.execute.progress import Bar, Bars
from isoglot.judging.answers import JudgedItem
from isoglot.judging.verdicts import JudgeReply, ReplyCounter, is_answered
from isoglot.report.results.judging import ComparisonRecord, RatingRecord

JUDGE_RECORD = "judge.json"
_STOP_AFTER = 50
"""Unreadable replies, with no readable one among them, after which the judge is given up."""


class LoadedJudge(Protocol):
    """A judge in memory; one that counts its cost has `cost_usd` too."""

    name: str


_R = TypeVar("_R", bound=OfPrompt)
_J = TypeVar("_J", bound=LoadedJudge)


class JudgingKind(NamedTuple, Generic[_R]):
    """Names and types in a folder of verdicts, or in one of ratings."""

    sides: tuple[str, ...]
    """The folders of the answers, in the order of an item's."""
    records: str
    """The folder of the judge's records, and the name for them."""
    record_type: type[_R]
    replies: Callable[[_R], Sequence[JudgeReply]]
    num_replies: int
    """Replies for each prompt."""
    form: str
    """The form of a readable reply, for error messages."""


class JudgedFolder(Generic[_R]):
    """A judge's records in `out`, with everything that it was shown.

    `head` says whose answers are judged and with which settings, which must not change; its
    `sources` may.
    """

    def __init__(
        self, out: Path, head: ComparisonRecord | RatingRecord, kind: JudgingKind[_R]
    ) -> None:
        self._out = out
        self._head = head
        self._kind = kind
        self._judge = ""
        self._cost_before: float | None = None

    def _check(self) -> None:
        path, mend = self._out / JUDGE_RECORD, "give another --out"
        if not path.exists():
            if any(shard_paths(self._out / name) for name in ("verdicts", "ratings")):
                raise InputError(
                    f"expected {JUDGE_RECORD} next to the judge's records in {self._out}, came "
                    f"none; {mend}"
                )
            return
        is_comparison = "b" in read_json(path, mend=mend)
        if is_comparison != isinstance(self._head, ComparisonRecord):
            held = "the comparison of two models" if is_comparison else "the ratings of one model"
            raise InputError(f"{self._out} holds {held}; {mend}")
        was = type(self._head).read(path, mend=mend)
        free = {"version", "sources", "judge", "cost_usd", "day"}
        old, new = (each.model_dump(mode="json", exclude=free) for each in (was, self._head))
        refuse_changes(str(self._out), old, new, mend=f"{mend}, or the same answers and judge")
        self._judge, self._cost_before = was.judge, was.cost_usd

    def add(
        self, parts: Callable[[], Iterable[Sequence[JudgedItem]]], families_per_shard: int
    ) -> None:
        """Store the items that the folder lacks, those of a known family in the family's part.

        Raises:
            InputError: the folder belongs to another judging; it is left as it is.
        """
        self._check()
        part_of: dict[str, int] = {}
        stored: dict[PromptKey, list[str]] = {}
        for part in self._parts():
            for item in self._items(part):
                part_of[item.prompt.family] = part
                stored[item.key] = _answer_ids(item)
        self._require_same_answers(parts, stored)
        self._write_record(None)
        next_part = len(self._parts())
        for items in parts():
            new = {item.key: item for item in items if item.key not in stored}
            more: dict[int, list[JudgedItem]] = {}
            for item in new.values():
                if item.prompt.family in part_of:
                    more.setdefault(part_of[item.prompt.family], []).append(item)
            for part, known in more.items():
                self._write_items(part, [*self._items(part), *known])
            fresh = [item.prompt for item in new.values() if item.prompt.family not in part_of]
            for shard in shards_of(fresh, families_per_shard):
                self._write_items(next_part, [new[prompt_key(prompt)] for prompt in shard])
                next_part += 1

    def judge_missing(
        self,
        load: Callable[[], _J],
        judge_items: Callable[[Sequence[JudgedItem], _J, Bar], list[_R]],
        title: str,
        *,
        retry_unreadable: bool,
        silent: bool,
    ) -> None:
        """Judge the items without a record; the judge is loaded if there are any.

        Raises:
            InputError: many replies came, and none of them is readable.
        """
        judge: _J | None = None
        has_readable = any(self._is_readable(record) for record in self.records())
        counter, num_done = ReplyCounter(self._kind.form, int(has_readable)), 0
        # A run that was stopped because no reply was readable may have been mended since.
        retry = retry_unreadable or not has_readable
        last = self._out / self._kind.sides[-1]
        num = sum(count_rows(shard_path(last, part), Completion) for part in self._parts())
        try:
            with Bars(silent=silent) as bars:
                bar = bars.bar(title, self._kind.num_replies * num)
                for part in self._parts():
                    items, records = self._items(part), self._records(part)
                    missing = [item for item in items if self._is_missing(item, records, retry)]
                    if missing:
                        judge = judge or load()
                        self._judge = judge.name
                        records |= self._judge_some(missing, judge, judge_items, counter, bar)
                        rows = [records[item.key] for item in items if item.key in records]
                        path = shard_path(self._out / self._kind.records, part)
                        write_shard(path, rows, self._kind.record_type)
                        self._write_record(judge)
                    num_done += len(items)
                    bar.reach(self._kind.num_replies * num_done)
        finally:
            self._write_record(judge)
        counter.check(self._judge)

    def records(self) -> Iterator[_R]:
        """Read all records of the judge."""
        for part in self._parts():
            yield from self._records(part).values()

    def unanswered(self) -> list[Prompt]:
        """List the prompts that were not judged because a model failed on them."""
        return [
            item.prompt
            for part in self._parts()
            for item in self._items(part)
            if not is_answered(*item.answers)
        ]

    @property
    def settings_id(self) -> str:
        """Eight digits that identify the settings of the judge."""
        return content_id(json.dumps(self._head.settings, sort_keys=True))[:8]

    @property
    def cost_usd(self) -> float | None:
        """The cost of the folder over all runs; None where the judge counts none."""
        return type(self._head).read(self._out / JUDGE_RECORD, mend="give another --out").cost_usd

    def _judge_some(
        self,
        items: Sequence[JudgedItem],
        judge: _J,
        judge_items: Callable[[Sequence[JudgedItem], _J, Bar], list[_R]],
        counter: ReplyCounter,
        bar: Bar,
    ) -> dict[PromptKey, _R]:
        """Judge items, only a few at a time until one reply is readable."""
        records: dict[PromptKey, _R] = {}
        while left := items[len(records) :]:
            probe = (_STOP_AFTER - len(counter.unreadable)) // self._kind.num_replies
            some = left if counter.num_readable else left[: max(1, probe)]
            rows = judge_items(some, judge, bar)
            records |= {prompt_key(row): row for row in rows}
            counter.add(reply for row in rows for reply in self._kind.replies(row))
            counter.check(judge.name, _STOP_AFTER)
        return records

    def _is_missing(self, item: JudgedItem, records: Mapping[PromptKey, _R], retry: bool) -> bool:
        record = records.get(item.key)
        is_done = record is not None and self._has_come(record)
        if record is not None and retry:
            is_done = self._is_readable(record)
        return is_answered(*item.answers) and not is_done

    def _is_readable(self, record: _R) -> bool:
        return all(reply.is_readable for reply in self._kind.replies(record))

    def _has_come(self, record: _R) -> bool:
        """False if a reply has no text, as where the judge's server was in trouble."""
        return all(reply.text or reply.is_readable for reply in self._kind.replies(record))

    def _parts(self) -> range:
        """The parts whose files are all there; that of the last side is written last."""
        return range(len(shard_paths(self._out / self._kind.sides[-1])))

    def _require_same_answers(
        self,
        parts: Callable[[], Iterable[Sequence[JudgedItem]]],
        stored: Mapping[PromptKey, list[str]],
    ) -> None:
        changed = [
            item.prompt.text[:40]
            for items in (parts() if stored else ())
            for item in items
            if item.key in stored and stored[item.key] != _answer_ids(item)
        ]
        if changed:
            raise InputError(
                f"{self._out} holds {self._kind.records} on other answers of the same samplers "
                f"({len(changed)} differ, as to {changed[0]!r}); give another --out"
            )

    def _items(self, part: int) -> list[JudgedItem]:
        """Read the items that all sides have; an interrupted run may have written more of some."""
        prompts = read_shard(shard_path(self._out / "prompts", part), Prompt)
        paths = [shard_path(self._out / side, part) for side in self._kind.sides]
        sides = [{prompt_key(row): row for row in read_shard(path, Completion)} for path in paths]
        return [
            JudgedItem(prompt, tuple(side[prompt_key(prompt)] for side in sides))
            for prompt in prompts
            if prompt_key(prompt) in sides[-1]
        ]

    def _write_items(self, part: int, items: Sequence[JudgedItem]) -> None:
        write_shard(shard_path(self._out / "prompts", part), [i.prompt for i in items], Prompt)
        sides = zip(*(item.answers for item in items), strict=True)
        for name, rows in zip(self._kind.sides, sides, strict=True):
            write_shard(shard_path(self._out / name, part), rows, Completion)

    def _records(self, part: int) -> dict[PromptKey, _R]:
        path = shard_path(self._out / self._kind.records, part)
        rows = read_shard(path, self._kind.record_type) if path.exists() else []
        return {prompt_key(row): row for row in rows}

    def _write_record(self, judge: LoadedJudge | None) -> None:
        costs = [self._cost_before, getattr(judge, "cost_usd", None)]
        known = [usd for usd in costs if usd is not None]
        record = {"judge": self._judge, "cost_usd": sum(known) if known else None}
        self._head.model_copy(update=record).write(self._out / JUDGE_RECORD)


def _answer_ids(item: JudgedItem) -> list[str]:
    return [answer.completion_id for answer in item.answers]
