"""Examples to train on: files of preferences or demonstrations, as a Hugging Face dataset."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Demonstration, Preference, PrivilegedPrompt, Prompt
from isoglot.core.store import LATER, SCHEMAS
from isoglot.core.thinking import THOUGHT_KEYS

_Kind = type[Demonstration] | type[Preference]

SIDES = ("completion", "chosen", "rejected")
"""Columns of the answers that a row may have."""

_COLUMNS: Mapping[_Kind, Sequence[str]] = {
    Demonstration: ("messages",),
    Preference: ("prompt", "chosen"),
}


def record_type(files: Sequence[Path]) -> _Kind:
    """Return the type of the rows of Parquet files, by their columns.

    Raises:
        InputError: the rows are neither demonstrations nor preferences, or both.
    """
    kinds: dict[_Kind, Path] = {}
    for file in files:
        names = _column_names(file)
        kind = next((k for k, c in _COLUMNS.items() if {*c, "language"} <= set(names)), None)
        if kind is None:
            raise InputError(
                f"{file}: expected demonstrations (messages, language) or preferences (prompt, "
                f"chosen, language), got the columns {', '.join(names)}; give other files"
            )
        kinds.setdefault(kind, file)
    if len(kinds) > 1:
        raise InputError(
            f"expected files of one kind, got demonstrations in {kinds[Demonstration]} and "
            f"preferences in {kinds[Preference]}; train on one after the other"
        )
    return next(iter(kinds), Demonstration)


def is_shard(file: Path, record: type) -> bool:
    """True if a file holds such records, or what they are made from, with all of a run's columns.

    Demonstrations are also the chosen sides of preferences.
    """
    if file.suffix != ".parquet":
        return False
    try:
        names = set(_column_names(file))
    except InputError:
        return False
    kinds = (record, Preference) if record is Demonstration else (record,)
    return any(set(SCHEMAS[kind].names) - set(LATER) <= names for kind in kinds)


def _column_names(file: Path) -> list[str]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        return read_schema(file).names
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{file}: expected a Parquet file of demonstrations or preferences, got none "
            f"({reason}); correct the path, or write it again"
        ) from error


def load_preferences(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    """Load preferences (prompt, chosen, rejected, language), without families `held_out`.

    Where all files have the thoughts of both sides, these are two columns more.
    """
    if not files:
        raise InputError("expected files of preferences, got none; run the filter stage first")
    columns = ["prompt", "chosen", "rejected", "language"]
    columns += _present(files, ["chosen_thought", "rejected_thought"])
    rows = load_columns(files, cache, columns, held_out)
    if len(rows) == 0:
        raise InputError(
            f"expected preferences, got none in {len(files)} files; the audit shows which "
            f"filter dropped them"
        )
    return rows


def load_completions(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    """Load prompt, completion and language, in TRL's conversational form, for SFT; with the column
    `completion_thought` where all files have thoughts.

    The completion is the last turn of a demonstration, or the chosen side of a preference. Of
    demonstrations without a prompt, load text and language, for language modelling.

    Raises:
        InputError: no rows, or a last turn that is not the assistant's.
    """
    kind = record_type(files)
    thought = "thought" if kind is Demonstration else "chosen_thought"
    columns = [*_COLUMNS[kind], "language", *_present(files, [thought])]
    rows: Any = load_columns(files, cache, columns, held_out) if files else []
    if len(rows) == 0:
        raise InputError(
            f"expected demonstrations or preferences, got none in {len(files)} files; see what the "
            f"stage before dropped, and why"
        )
    if thought in columns:
        rows = rows.rename_column(thought, "completion_thought")
    if kind is Preference:
        return rows.rename_column("chosen", "completion")
    is_text = len(rows[0]["messages"]) == 1
    return rows.map(_text_alone if is_text else _prompt_and_completion, remove_columns="messages")


def _present(files: Sequence[Path], columns: Sequence[str]) -> list[str]:
    """Return the columns if every file has them all, as shards of earlier versions have not."""
    return list(columns) if all(set(columns) <= set(_column_names(file)) for file in files) else []


def load_examples(files: Sequence[Path], cache: Path) -> Any:
    """Load preferences with both sides, demonstrations, or prompts, with their contexts where they
    have some, to check the template on."""
    if all(is_shard(file, PrivilegedPrompt) for file in files):
        return load_columns(files, cache, ["prompt", "privileged_context", "language"], ())
    if all(is_shard(file, Prompt) for file in files):
        return load_columns(files, cache, ["prompt", "language"], ())
    load = load_preferences if record_type(files) is Preference else load_completions
    return load(files, cache)


def _prompt_and_completion(row: Mapping[str, Any]) -> dict[str, Any]:
    *prompt, last = row["messages"]
    if not prompt or last["role"] != "assistant":
        raise InputError(
            f"expected messages that end with an assistant's turn after a prompt, got turns of "
            f"{', '.join(turn['role'] for turn in row['messages'])}; leave the row out"
        )
    return {"prompt": prompt, "completion": [last]}


def _text_alone(row: Mapping[str, Any]) -> dict[str, Any]:
    if len(row["messages"]) != 1:
        raise InputError(
            "expected texts without a prompt in all rows, as in the first, got one with a prompt; "
            "train on one kind after the other"
        )
    return {"text": row["messages"][0]["content"]}


def load_columns(
    files: Sequence[Path], cache: Path, columns: Sequence[str], held_out: Sequence[str]
) -> Any:
    """Load columns of Parquet files as a Hugging Face dataset, without families `held_out`."""
    from datasets import load_dataset

    rows = load_dataset(
        "parquet",
        data_files=[escape(str(file)) for file in files],
        columns=list(dict.fromkeys([*columns, *(["family"] if held_out else [])])),
        split="train",
        cache_dir=str(cache),
    )
    if held_out:
        families = set(held_out)
        rows = rows.select([i for i, name in enumerate(rows["family"]) if name not in families])
    return rows.select_columns(list(columns))


def first_of_each_language(rows: Any) -> Any:
    """Select one row of each language, in the order of the tags."""
    tags = list(rows["language"])
    return rows.select([tags.index(tag) for tag in sorted(set(tags))])


def first_of_each_form(rows: Any) -> list[dict[str, Any]]:
    """Select one row of each language, in the order of the tags, then one of each other form.

    The form of a row is the roles of its turns, and whether these have thoughts. Each has the key
    `row`, its number from 1.
    """
    tags, forms = list(rows["language"]), list(_forms(rows))
    places = [tags.index(tag) for tag in sorted(set(tags))]
    seen = {forms[place] for place in places}
    places += [forms.index(form) for form in dict.fromkeys(forms) if form not in seen]
    return [{**rows[place], "row": place + 1} for place in places]


def _forms(rows: Any) -> Iterator[tuple[tuple[str, ...], ...]]:
    """The roles of each row's turns, column by column; none of texts without turns."""
    names = [name for name in ("prompt", *SIDES) if name in rows.column_names]
    if not names:
        yield from [()] * len(rows)
        return
    for batch in rows.select_columns(names).with_format("arrow").iter(batch_size=10_000):
        yield from zip(*(_roles(batch[name]) for name in names), strict=True)


def _roles(turns: Any) -> Iterator[tuple[str, ...]]:
    """The roles in each list of turns of an Arrow column, marked where a turn has a thought."""
    from pyarrow import compute

    flat = compute.list_flatten(turns)
    key = next((key for key in THOUGHT_KEYS if flat.type.get_field_index(key) >= 0), None)
    told = [None] * len(flat) if key is None else compute.struct_field(flat, key).to_pylist()
    roles = (
        f"{role} that thinks" if thought else role
        for role, thought in zip(compute.struct_field(flat, "role").to_pylist(), told, strict=True)
    )
    for num_turns in compute.list_value_length(turns).to_pylist():
        yield tuple(islice(roles, num_turns))


def languages_in(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the languages of the rows, in the order of their tags."""
    return tuple(sorted(_count_languages(files)))


def check_rows_in(files: Iterable[Path], languages: Iterable[str]) -> None:
    """Raise InputError for a language without a row to train on."""
    counts = _count_languages(files)
    if missing := [tag for tag in languages if not counts[tag]]:
        raise InputError(
            f"expected rows to train on in every language, got none in {', '.join(missing)}; see "
            f"what was dropped and why, add rows, or leave the language out"
        )


def _count_languages(files: Iterable[Path]) -> Counter[str]:
    from pyarrow.parquet import read_table

    counts: Counter[str] = Counter()
    for file in files:
        counts.update(read_table(file, columns=["language"])["language"].to_pylist())
    return counts
