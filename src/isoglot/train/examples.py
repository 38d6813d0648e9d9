"""What is trained on: files of preferences or demonstrations, as a Hugging Face dataset."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Demonstration, Preference
from isoglot.core.store import SCHEMAS


def record_type(files: Sequence[Path]) -> type[Demonstration] | type[Preference]:
    """What the rows of Parquet files are, by their columns.

    Raises InputError where they are neither, or the files hold both.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    kinds: dict[type[Demonstration] | type[Preference], Path] = {}
    for file in files:
        try:
            names = read_schema(file).names
        except (ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{file}: expected a Parquet file of demonstrations or preferences, got none "
                f"({reason}); correct the path, or write it again"
            ) from error
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


def is_shard(file: Path) -> bool:
    """Whether a file holds demonstrations or preferences with all columns that a run writes."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    if file.suffix != ".parquet":
        return False
    try:
        names = set(read_schema(file).names)
    except (ArrowException, OSError):
        return False
    return any(set(SCHEMAS[kind].names) <= names for kind in _COLUMNS)


_COLUMNS: Mapping[type[Demonstration] | type[Preference], Sequence[str]] = {
    Demonstration: ("messages",),
    Preference: ("prompt", "chosen"),
}


def load_preferences(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    """The preferences as a Hugging Face dataset: prompt, chosen, rejected and language.

    Without those of the families that are `held_out`.
    """
    if not files:
        raise InputError("expected files of preferences, got none; run the filter stage first")
    rows = load_rows(files, cache, ["prompt", "chosen", "rejected", "language"], held_out)
    if len(rows) == 0:
        raise InputError(
            f"expected preferences, got none in {len(files)} files; the audit says which "
            f"filter took them"
        )
    return rows


def load_answers(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    """What is to be imitated: prompt, completion and language, in TRL's conversational form.

    Of demonstrations the last turn is the completion, of preferences the chosen side. Raises
    InputError where there is nothing, or the last turn is no assistant's.
    """
    kind = record_type(files)
    columns = [*_COLUMNS[kind], "language"]
    rows: Any = load_rows(files, cache, columns, held_out) if files else []
    if len(rows) == 0:
        raise InputError(
            f"expected demonstrations or preferences, got none in {len(files)} files; see what the "
            f"stage before dropped, and why"
        )
    if kind is Preference:
        return rows.rename_column("chosen", "completion")
    return rows.map(_prompt_and_completion, remove_columns="messages")


def load_checked(files: Sequence[Path], cache: Path) -> Any:
    """What a check of the chat template looks at: preferences with both sides, or answers."""
    load = load_preferences if record_type(files) is Preference else load_answers
    return load(files, cache)


def _prompt_and_completion(row: Mapping[str, Any]) -> dict[str, Any]:
    *prompt, answer = row["messages"]
    if not prompt or answer["role"] != "assistant":
        raise InputError(
            f"expected messages that end with an assistant's turn after a prompt, got turns of "
            f"{', '.join(turn['role'] for turn in row['messages'])}; leave the row out"
        )
    return {"prompt": prompt, "completion": [answer]}


def load_rows(
    files: Sequence[Path], cache: Path, columns: Sequence[str], held_out: Sequence[str]
) -> Any:
    """Columns of Parquet files as a Hugging Face dataset, without some families."""
    from datasets import load_dataset

    rows = load_dataset(
        "parquet",
        data_files=[str(file) for file in files],
        columns=list(dict.fromkeys([*columns, *(["family"] if held_out else [])])),
        split="train",
        cache_dir=str(cache),
    )
    if held_out:
        families = set(held_out)
        rows = rows.select([i for i, name in enumerate(rows["family"]) if name not in families])
    return rows.select_columns(list(columns))


def first_of_each_language(rows: Any) -> Any:
    """One row of each, in the order of the tags."""
    first: dict[str, int] = {}
    for place, tag in enumerate(rows["language"]):
        first.setdefault(tag, place)
    return rows.select([first[tag] for tag in sorted(first)])


def num_by_language(files: Iterable[Path]) -> dict[str, int]:
    """How many rows of each language there are in Parquet files."""
    from pyarrow.parquet import read_table

    counts: Counter[str] = Counter()
    for file in files:
        counts.update(read_table(file, columns=["language"])["language"].to_pylist())
    return dict(counts)


def check_languages(files: Iterable[Path], languages: Iterable[str]) -> None:
    """Raise InputError for a language that is to be learned and has no row."""
    counts = num_by_language(files)
    if missing := [tag for tag in languages if not counts.get(tag)]:
        raise InputError(
            f"expected rows to train on in every language, got none in {', '.join(missing)}; see "
            f"what was dropped and why, add rows, or leave the language out"
        )
