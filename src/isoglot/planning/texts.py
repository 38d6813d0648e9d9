"""Which prompts a recipe will ask and how long they are, as far as that is known before it runs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import glob
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.records import Prompt
from isoglot.data.cross_lingual import CrossLingualConfig, plan_pairs
from isoglot.data.prompts import PromptFileConfig, read_prompts, select_families
from isoglot.data.untranslatable import untranslatable
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.line.sources import OwnPrompts, PromptSelection
from isoglot.models.member import Member
from isoglot.planning.throughput import Throughput

Shape = tuple[tuple[str, str], ...]
"""A family: the language of each of its prompts, and the one that its answer is asked in."""

_SAMPLE = 100  # texts of a language that are measured


class Span(NamedTuple):
    """Tokens as they typically are, and the most that there can be."""

    typical: float = 0.0
    most: float = 0.0

    def plus(self, other: "Span") -> "Span":
        """The sum of both."""
        return Span(self.typical + other.typical, self.most + other.most)

    def times(self, factor: float) -> "Span":
        """So many texts of this length."""
        return Span(self.typical * factor, self.most * factor)


NOTHING = Span()


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompts of one round."""

    shapes: Counter[Shape]
    """How many families have each shape."""
    tokens: Mapping[str, float]
    """Mean tokens of a prompt by its language."""
    exact: bool
    """Whether they were counted, and not taken from the recipe."""
    num_turns: float = 1.0
    """Mean turns of a prompt, the system message not counted."""
    routed: Counter[Shape] = field(default_factory=Counter)
    """Those of the families that translation is routed around."""

    @property
    def by_language(self) -> Counter[str]:
        """Prompts of each language."""
        found: Counter[str] = Counter()
        for shape, num in self.shapes.items():
            for tag, _ in shape:
                found[tag] += num
        return found

    @property
    def num(self) -> int:
        """Prompts in all languages."""
        return self.by_language.total()


class Ruler:
    """Measures texts in tokens: by the policy's tokenizer where it is here, else by characters."""

    def __init__(self, path: str, revision: str, table: Throughput) -> None:
        self._table = table
        self._tokenizer = _tokenizer(path, revision)
        self.by_tokenizer = self._tokenizer is not None

    def tokens(self, text: str, tag: str) -> float:
        """Tokens of a text in a language."""
        if self._tokenizer is None:
            return len(text) / self._table.characters_of_token(tag)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _tokenizer(path: str, revision: str) -> Any:
    """The tokenizer of a folder or of the hub's cache; None where it would have to be fetched."""
    folder = Path(path).expanduser()
    file: Any = folder / "tokenizer.json"
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        file = try_to_load_from_cache(path, "tokenizer.json", revision=revision)
    there = isinstance(file, str | Path) and Path(file).is_file()
    if not there:
        return None
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(file))


def missing_files(source: Any) -> list[str]:
    """The paths of a source of prompts where nothing stands."""
    sources = source if isinstance(source, tuple) else (source,)
    paths = [each.path for each in sources if isinstance(each, PromptFileConfig)]
    return [path for path in paths if not glob(str(Path(path).expanduser()), recursive=True)]


def asked_prompts(
    source: OwnPrompts,
    selection: PromptSelection,
    ruler: Ruler,
    table: Throughput,
    *,
    route: bool = False,
) -> Asked:
    """The prompts as a run would take them; where files are missing, what the recipe says of them.

    `route` looks for those that cannot be translated. Raises InputError as a run does for files
    that are not as the recipe says, and where neither they nor the recipe tell how many families
    there are.
    """
    if missing := missing_files(source):
        if selection.num_families is None:
            raise InputError(
                f"cannot count the prompts: {missing[0]} is not here, and num_families is not "
                "set; set it, or bring the file"
            )
        return assumed(selection.languages, selection.num_families, table)
    return measured(_read(source, selection), ruler, selection.system, route=route)


def assumed(languages: Sequence[str], num_families: int, table: Throughput) -> Asked:
    """Parallel prompts that are not here."""
    tokens = table.assumed.prompt_characters / table.characters_of_token("en")
    shape = tuple((tag, tag) for tag in languages)
    lengths = {tag: tokens * table.premium(tag) for tag in languages}
    return Asked(Counter({shape: num_families}), lengths, exact=False)


def _read(source: OwnPrompts, selection: PromptSelection) -> list[Prompt]:
    if isinstance(source, LabPromptConfig):
        num = selection.num_families or selection.families_per_shard
        rows = lab_prompts(
            source, selection.languages, seed=selection.seed, num_families=num, skip=selection.skip
        )
        return list(rows)
    sources = source if isinstance(source, tuple) else (source,)
    prompts = [prompt for file in sources for prompt in read_prompts(file)]
    return select_families(
        prompts,
        languages=selection.languages,
        num_families=selection.num_families or len({prompt.family for prompt in prompts}),
        seed=selection.seed,
        skip=selection.skip,
        parallel=selection.parallel,
    )


def measured(
    prompts: Sequence[Prompt], ruler: Ruler, system: str = "", *, route: bool = False
) -> Asked:
    """Prompts that are here; their length is that of the first ones of each language."""
    families: dict[str, list[tuple[str, str]]] = defaultdict(list)
    of_language: dict[str, list[Prompt]] = defaultdict(list)
    routed = set()
    for prompt in prompts:
        families[prompt.family].append((prompt.language, prompt.answer_language))
        of_language[prompt.language].append(prompt)
        if route and untranslatable(prompt.text) is not None:
            routed.add(prompt.family)
    before = ruler.tokens(system, "en")
    return Asked(
        Counter(tuple(shape) for shape in families.values()),
        {
            tag: before + _mean(_tokens(each, ruler) for each in rows)
            for tag, rows in of_language.items()
        },
        exact=True,
        num_turns=_mean(_num_turns(prompt) for prompt in prompts),
        routed=Counter(tuple(families[family]) for family in routed),
    )


def translated(asked: Asked, languages: Sequence[str], table: Throughput) -> Asked:
    """After the translation of the prompts: every family that can be translated, in all languages.

    An upper bound, since translations with a fault are left out.
    """
    shapes: Counter[Shape] = Counter(asked.routed)
    for shape, num in (asked.shapes - asked.routed).items():
        source, answer = shape[0]
        others = [(tag, tag if answer == source else answer) for tag in languages if tag != source]
        shapes[(*shape, *others)] += num
    (source,) = asked.tokens
    english = asked.tokens[source] / table.premium(source)
    tokens = {tag: english * table.premium(tag) for tag in languages}
    return replace(asked, shapes=shapes, tokens={**tokens, **asked.tokens}, exact=False)


def across(
    asked: Asked,
    config: CrossLingualConfig,
    languages: Sequence[str],
    members: Sequence[Member] = (),
) -> Asked:
    """After the families are asked across languages: as many prompts as a run will have.

    Which languages meet is drawn here for families of other names: where `members` serve some
    languages alone, what they answer is so many only by chance. The ask is not counted in tokens.
    """
    shapes: Counter[Shape] = Counter()
    for shape, num in asked.shapes.items():
        there = tuple(tag for tag in languages if tag in dict(shape))
        for place in range(num):
            pairs = plan_pairs(config, str(place), there, tuple(languages), 0)
            shapes[tuple(sorted(pairs))] += 1
    is_exact = asked.exact and not any(member.languages for member in members)
    return replace(asked, shapes=shapes, exact=is_exact)


def _tokens(prompt: Prompt, ruler: Ruler) -> float:
    return sum(ruler.tokens(turn["content"], prompt.language) for turn in prompt.prompt)


def _num_turns(prompt: Prompt) -> int:
    return sum(turn["role"] != "system" for turn in prompt.prompt)


def _mean(values: Iterable[float]) -> float:
    sample = list(islice(values, _SAMPLE))
    return sum(sample) / len(sample) if sample else 0.0
