"""Inspect the rows of a user's source: form, languages, columns, examples, refusals."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any

from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.hub import hub_commit
from isoglot.core.languages import language_of
from isoglot.core.own_rows import (
    OwnRow,
    RowTally,
    demonstration_of,
    languages_of_rows,
    preference_of,
    prompt_of,
    read_own_rows,
)
from isoglot.core.row_sources import FileRowsConfig, HubRowsConfig, RowSource, source_revision
from isoglot.core.rows import Place, find_files
from isoglot.models.load import load_identifier
from isoglot.report.results.inspection import InspectedRow, Inspection, Refusal, RowUse
from isoglot.train.selection import Identify

_MAKERS: Mapping[RowUse, Any] = {
    "prompts": prompt_of,
    "demonstrations": demonstration_of,
    "preferences": preference_of,
}
_NUM_EXAMPLES = 3
_NUM_COMPARED = 100  # rows of each language, whose language is identified too


def inspect_rows(
    source: RowSource, languages: Sequence[str], use: RowUse | None = None
) -> Inspection:
    """Read a source as a run would, and count what it makes of it.

    `languages` are those to identify rows among that name none. Without `use`, it is preferences if
    there is one, else demonstrations if half of the rows are, else prompts.

    Raises:
        InputError: files that are missing or damaged, or a set of the hub that cannot be read.
    """
    if isinstance(source, HubRowsConfig):
        commit = hub_commit(source.path, source.revision)
        source = source.model_copy(update={"revision": commit})
    source = source.model_copy(update={"skip_refused": True})
    identify = load_identifier(languages).identify
    identified = languages_of_rows(source, identify)
    inspector, tally = _Inspector(identified.unsure), RowTally()
    own_rows = read_own_rows(source, inspector.take, tally, identified)
    num_taken = sum(1 for _ in own_rows)
    is_identified = bool(identified.counts or identified.unsure)
    use = use or inspector.chief_use(num_taken)
    known = (
        Counter(tally.languages) - Counter(identified.tags.values()) + Counter(identified.counts)
    )
    return Inspection(
        source=source.title,
        revision=source_revision(source),
        num_rows=tally.num_rows,
        forms=dict(tally.forms.most_common()),
        uses={each: inspector.made[each] for each in _MAKERS},
        use=use,
        languages=dict(known.most_common()),
        num_unsure=tally.num_rows - tally.refused.total() - known.total(),
        is_identified=is_identified,
        mismatched=inspector.mismatched(identify, languages),
        columns=tally.used,
        unused=tally.unused,
        parallel=inspector.parallel_column(),
        by_file=_path_by_language(source) if is_identified else None,
        examples=inspector.examples[use],
        refused=_refusals(tally, inspector.refused[use]),
    )


class _Inspector:
    """Makes every record of each row, and keeps what came of it."""

    def __init__(self, unsure: Set[Place]) -> None:
        self._unsure = unsure
        self.made: Counter[RowUse] = Counter()
        self.examples: dict[RowUse, list[InspectedRow]] = {use: [] for use in _MAKERS}
        self.refused: dict[RowUse, RowTally] = {use: RowTally() for use in _MAKERS}
        self._texts: dict[str, list[str]] = defaultdict(list)
        self._values: dict[str, Counter[Any]] = defaultdict(Counter)
        self._languages_of: dict[str, set[tuple[Any, str]]] = defaultdict(set)

    def take(self, own: OwnRow) -> None:
        """Count a row."""
        for use, make in _MAKERS.items():
            try:
                make(own)
            except RefusedRow as error:
                message = f"{own.place}: {error}"
                self.refused[use].refuse(RefusedRow(message, error.reason))
                continue
            self.made[use] += 1
            self._show(self.examples[use], own)
        if len(texts := self._texts[own.language]) < _NUM_COMPARED:
            texts.append(own.parts.content)
        for column, value in own.row.items():
            if isinstance(value, str | int) and column not in own.parts.columns.used:
                self._values[column][value] += 1
                self._languages_of[column].add((value, own.language))

    def _show(self, examples: list[InspectedRow], own: OwnRow) -> None:
        """Keep the first rows, and rather the first ones of other languages."""
        tags = [each.language for each in examples]
        tag = "" if own.place in self._unsure else own.language
        if len(examples) < _NUM_EXAMPLES:
            examples.append(_example(own, tag))
        elif tag not in ("", *tags) and (len(set(tags)) < len(tags) or "" in tags):
            weak = [i for i, other in enumerate(tags) if not other or tags.index(other) < i]
            examples[weak[-1]] = _example(own, tag)

    def chief_use(self, num_rows: int) -> RowUse:
        """Return the use that most of the rows are meant for."""
        if self.made["preferences"]:
            return "preferences"
        return "demonstrations" if 2 * self.made["demonstrations"] > num_rows else "prompts"

    def mismatched(self, identify: Identify, languages: Sequence[str]) -> dict[str, str]:
        """Compare the languages of the rows with those identified in the first of each."""
        found = {}
        for tag, texts in self._texts.items():
            if tag not in languages:
                continue
            others = Counter(other for other in identify(texts) if other not in (None, tag))
            if others and others.total() >= len(texts) / 5:
                found[tag] = others.most_common(1)[0][0]
        return {tag: other for tag, other in found.items() if other}

    def parallel_column(self) -> str | None:
        """Find a column whose values each come once in several languages."""
        for column, values in self._values.items():
            is_key = len(self._languages_of[column]) == values.total()
            if is_key and values.total() >= 1.5 * len(values):
                return column
        return None


def _path_by_language(source: RowSource) -> str | None:
    """Return a path with `{language}` in it, if the names of the files are those of languages."""
    if not isinstance(source, FileRowsConfig):
        return None
    files = find_files(source.path)
    try:
        tags = {language_of(file.name.split(".")[0]).tag for file in files}
    except InputError:
        return None
    (first, *_), parents = files, {file.parent for file in files}
    folder = first.parent if len(parents) == 1 else first.parent.parent / "*"
    suffixes = "".join(first.suffixes)
    return f"{folder}/{{language}}{suffixes}" if len(tags) > 1 else None


def _example(own: OwnRow, tag: str) -> InspectedRow:
    parts = own.parts
    answers = {name: getattr(parts, name) for name in ("completion", "chosen", "rejected", "text")}
    return InspectedRow(
        place=str(own.place),
        language=tag,
        prompt=parts.prompt[-1]["content"] if parts.prompt else "",
        answers={name: text for name, text in answers.items() if text is not None},
    )


def _refusals(*tallies: RowTally) -> list[Refusal]:
    refused: Counter[str] = sum((tally.refused for tally in tallies), Counter())
    first = {reason: text for tally in tallies for reason, text in tally.first_refused.items()}
    return [
        Refusal(reason=reason, num_rows=num, first=first[reason])
        for reason, num in refused.most_common()
    ]
