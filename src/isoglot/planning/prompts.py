"""The prompts of a recipe, counted and measured in tokens before anything runs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import glob
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.core.day import is_dated
from isoglot.core.errors import InputError
from isoglot.core.records import Prompt
from isoglot.core.row_sources import FileRowsConfig, HubRowsConfig
from isoglot.core.rows import glob_of
from isoglot.data.cross_lingual import CrossLingualConfig, plan_pairs
from isoglot.data.untranslatable import untranslatable
from isoglot.line.sources import OwnPrompts, PromptSelection, select_prompts
from isoglot.models.member import Member
from isoglot.planning.throughput import Throughput

Shape = tuple[tuple[str, str], ...]
"""A family: the language of each of its prompts, and the language of its answer."""

_SAMPLE = 100  # texts per language that are measured


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """The prompts of one round."""

    shapes: Counter[Shape]
    """Number of families of each shape."""
    tokens: Mapping[str, float]
    """Mean tokens of a prompt, by language."""
    exact: bool
    """True if they were counted, False if the recipe's numbers were taken."""
    num_turns: float = 1.0
    """Mean turns of a prompt, without the system message."""
    excluded: Counter[Shape] = field(default_factory=Counter)
    """Families that are kept in their own language, since they cannot be translated."""

    @property
    def by_language(self) -> Counter[str]:
        """Number of prompts in each language."""
        counts: Counter[str] = Counter()
        for shape, num in self.shapes.items():
            for tag, _ in shape:
                counts[tag] += num
        return counts

    @property
    def num(self) -> int:
        """Number of prompts in all languages."""
        return self.by_language.total()


class TokenCounter:
    """Counts tokens by the policy's tokenizer if it is here, else by characters."""

    def __init__(self, path: str, revision: str, table: Throughput) -> None:
        self._table = table
        file = _tokenizer_file(path, revision)
        self._tokenizer = _tokenizer(file) if file else None
        self.by_tokenizer = file is not None
        self.is_dated = file is not None and is_dated(file.parent)
        """True if the chat template beside it writes today's date into every prompt."""

    def tokens(self, text: str, tag: str) -> float:
        """Count the tokens of a text in a language."""
        if self._tokenizer is None:
            return len(text) / self._table.characters_of_token(tag)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _tokenizer_file(path: str, revision: str) -> Path | None:
    """Find the tokenizer of a folder or of the hub's cache; None if it would have to be fetched."""
    folder = Path(path).expanduser()
    file: Any = folder / "tokenizer.json"
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        file = try_to_load_from_cache(path, "tokenizer.json", revision=revision)
    return Path(file) if isinstance(file, str | Path) and Path(file).is_file() else None


def _tokenizer(file: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(file))


def missing_files(source: Any) -> dict[str, bool]:
    """List the sources of prompts that are not on this machine; True for files, False for hub."""
    sources = source if isinstance(source, tuple) else (source,)
    missing = filter(_is_missing, sources)
    return {each.title: isinstance(each, FileRowsConfig) for each in missing}


def _is_missing(source: Any) -> bool:
    if isinstance(source, HubRowsConfig):
        return True
    if not isinstance(source, FileRowsConfig):
        return False
    return not glob(glob_of(source.path.replace("{language}", "*")), recursive=True)


def count_prompts(
    source: OwnPrompts,
    selection: PromptSelection,
    counter: TokenCounter,
    table: Throughput,
    *,
    exclude: bool = False,
) -> PromptCounts:
    """Count the prompts as a run would select them; for missing files, by the recipe's numbers.

    `exclude` finds the prompts that cannot be translated. Raises InputError as in a run, for files
    that differ from the recipe, and if neither files nor recipe give the number of families.
    """
    missing = missing_files(source)
    if missing and selection.num_families is not None:
        return assume_prompts(selection.languages, selection.num_families, table)
    if files := [title for title, is_file in missing.items() if is_file]:
        raise InputError(
            f"cannot count the prompts: {files[0]} is not here, and num_families is not set; set "
            "it, or bring the file"
        )
    prompts = [prompt for shard in select_prompts(source, selection) for prompt in shard]
    return measure_prompts(prompts, counter, selection.system, exclude=exclude)


def assume_prompts(languages: Sequence[str], num_families: int, table: Throughput) -> PromptCounts:
    """Assume parallel prompts of the table's mean length."""
    tokens = table.assumed.prompt_characters / table.characters_of_token("en")
    shape = tuple((tag, tag) for tag in languages)
    lengths = {tag: tokens * table.premium(tag) for tag in languages}
    return PromptCounts(Counter({shape: num_families}), lengths, exact=False)


def measure_prompts(
    prompts: Sequence[Prompt], counter: TokenCounter, system: str = "", *, exclude: bool = False
) -> PromptCounts:
    """Count prompts; their length is the mean over the first ones of each language."""
    families: dict[str, list[tuple[str, str]]] = defaultdict(list)
    by_language: dict[str, list[Prompt]] = defaultdict(list)
    excluded = set()
    for prompt in prompts:
        families[prompt.family].append((prompt.language, prompt.answer_language))
        by_language[prompt.language].append(prompt)
        if exclude and untranslatable(prompt.text) is not None:
            excluded.add(prompt.family)
    before = counter.tokens(system, "en")

    def tokens(prompt: Prompt) -> float:
        return sum(counter.tokens(turn["content"], prompt.language) for turn in prompt.prompt)

    return PromptCounts(
        Counter(tuple(shape) for shape in families.values()),
        {tag: before + _mean(map(tokens, rows)) for tag, rows in by_language.items()},
        exact=True,
        num_turns=_mean(sum(turn["role"] != "system" for turn in p.prompt) for p in prompts),
        excluded=Counter(tuple(families[family]) for family in excluded),
    )


def count_translated(
    prompts: PromptCounts, languages: Sequence[str], table: Throughput
) -> PromptCounts:
    """Count the prompts after translation: every translatable family in all languages.

    An upper bound, since faulty translations are left out.
    """
    shapes: Counter[Shape] = Counter(prompts.excluded)
    for shape, num in (prompts.shapes - prompts.excluded).items():
        source, answer = shape[0]
        others = [(tag, tag if answer == source else answer) for tag in languages if tag != source]
        shapes[(*shape, *others)] += num
    (source,) = prompts.tokens
    english = prompts.tokens[source] / table.premium(source)
    tokens = {tag: english * table.premium(tag) for tag in languages}
    return replace(prompts, shapes=shapes, tokens={**tokens, **prompts.tokens}, exact=False)


def count_cross_lingual(
    prompts: PromptCounts,
    config: CrossLingualConfig,
    languages: Sequence[str],
    members: Sequence[Member] = (),
) -> PromptCounts:
    """Count the cross-lingual prompts of the families: as many as a run will have.

    The pairs of languages are drawn here for families of other names, so the counts are estimates
    for samplers (`members`) that serve some languages only. The tokens of the request for another
    language are not counted.
    """
    shapes: Counter[Shape] = Counter()
    for shape, num in prompts.shapes.items():
        present = tuple(tag for tag in languages if tag in dict(shape))
        for place in range(num):
            pairs = plan_pairs(config, str(place), present, tuple(languages), 0)
            shapes[tuple(sorted(pairs))] += 1
    is_exact = prompts.exact and not any(member.languages for member in members)
    return replace(prompts, shapes=shapes, exact=is_exact)


def without_language(prompts: PromptCounts, tag: str) -> PromptCounts:
    """Leave out the prompts in a language, and the families without one."""
    shapes: Counter[Shape] = Counter()
    for shape, num in prompts.shapes.items():
        if tag in dict(shape):
            shapes[tuple(each for each in shape if each[0] != tag)] += num
    return replace(prompts, shapes=shapes)


def _mean(values: Iterable[float]) -> float:
    sample = list(islice(values, _SAMPLE))
    return sum(sample) / len(sample) if sample else 0.0
