"""The lab's world: word problems and short instructions in twelve languages, each with its answer.

A *problem* is language-neutral (kind, people, things, numbers); the templates of `sentences/*.toml`
render it in a language. Its content id decides its split (training, validation, test), so that the
three never share a problem, whichever seed samples them.
"""

import json
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from itertools import islice
from typing import Any, Literal, TypeVar

from isoglot.core.errors import InputError
from isoglot.core.records import HasFamily, content_id

Split = Literal["train", "validation", "test"]

LAB_LANGUAGES = ("en", "es", "de", "fr", "ru", "sw", "it", "pt", "nl", "sv", "id", "zh-Hans")
NUM_NAMES, NUM_ITEMS, NUM_CONTAINERS, NUM_WORDS = 12, 12, 2, 8
CATEGORIES = ("fruit", "animal", "colour")


@cache
def templates_of(language: str) -> Mapping:
    """Read the words and templates of a language from its TOML file."""
    if language not in LAB_LANGUAGES:
        raise InputError(
            f"the lab does not speak {language!r}: expected one of {', '.join(LAB_LANGUAGES)}; "
            f"write lab/sentences/{language}.toml to teach it"
        )
    text = files("isoglot.lab").joinpath(f"sentences/{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@dataclass(frozen=True, slots=True)
class Problem:
    """A word problem without words: people (`a`, `b`), things (`item`, `container`), numbers."""

    kind: str
    a: int
    b: int
    item: int
    container: int
    x: int
    y: int
    w: int

    @property
    def steps(self) -> tuple[int, int]:
        """The intermediate number (equal to the answer in one-step problems) and the answer."""
        x, y, w = self.x, self.y, self.w
        match self.kind:
            case "buy" | "more" | "together":
                return x + y, x + y
            case "give" | "fewer":
                return x - y, x - y
            case "boxes" | "price":
                return x * y, x * y
            case "share":
                return x // y, x // y
            case "buy_give":
                return x + y, x + y - w
            case "boxes_give":
                return x * y, x * y - w
            case "twice":
                return 2 * x, 3 * x
            case _:
                return x * y, w - x * y

    @property
    def family(self) -> str:
        return content_id("lab", *(str(getattr(self, name)) for name in self.__slots__))


PROBLEM_KINDS = (
    *("buy", "give", "boxes", "share", "more", "fewer", "together", "price"),
    *("buy_give", "boxes_give", "twice", "change"),
)
"""Kinds of word problem; the last `_NUM_TWO_STEPS` take two steps."""

_NUM_TWO_STEPS = 4

WITH_OTHER = ("give", "more", "fewer", "together", "buy_give", "boxes_give", "twice")
"""Kinds with a second person."""

WITH_CONTAINERS = ("boxes", "boxes_give")


def sample_numbers(kind: str, rng: random.Random) -> tuple[int, int, int]:
    """Sample `x`, `y`, `w` of a problem, all above 1, so that every language uses its plural."""
    small, digit = partial(rng.randint, 2, 12), partial(rng.randint, 2, 9)
    match kind:
        case "buy" | "more" | "together":
            return rng.randint(2, 20), rng.randint(2, 20), 0
        case "give" | "fewer":
            x = rng.randint(5, 30)
            return x, rng.randint(2, x - 2), 0
        case "boxes" | "price":
            return digit(), digit(), 0
        case "share":
            y = digit()
            return y * digit(), y, 0
        case "buy_give":
            x, y = small(), small()
            return x, y, rng.randint(2, x + y - 2)
        case "boxes_give":
            x, y = rng.randint(2, 6), rng.randint(2, 6)
            return x, y, rng.randint(2, x * y - 2)
        case "twice":
            return rng.randint(2, 15), 0, 0
        case _:
            x, y = rng.randint(2, 6), rng.randint(2, 6)
            return x, y, x * y + rng.randint(2, 10)


def sample_problem(rng: random.Random) -> Problem:
    """Sample a problem, each kind as likely as another; a number that it does not use is 0."""
    kind = rng.choice(PROBLEM_KINDS)
    a, b = rng.sample(range(NUM_NAMES), 2)
    b = b if kind in WITH_OTHER else 0
    item = rng.randrange(NUM_ITEMS)
    container = rng.randrange(NUM_CONTAINERS) if kind in WITH_CONTAINERS else 0
    x, y, w = sample_numbers(kind, rng)
    return Problem(kind, a, b, item, container, x, y, w)


def sample_steps(rng: random.Random, num: Literal[1, 2]) -> Problem:
    """Sample a problem of one step, or of two."""
    kinds = PROBLEM_KINDS[-_NUM_TWO_STEPS:] if num == 2 else PROBLEM_KINDS[:-_NUM_TWO_STEPS]
    while (problem := sample_problem(rng)).kind not in kinds:
        pass
    return problem


@dataclass(frozen=True, slots=True)
class Instruction:
    """A short open instruction without words: list, count, sort or repeat."""

    kind: str
    category: int
    numbers: tuple[int, ...]
    words: tuple[int, ...]

    @property
    def family(self) -> str:
        numbers, words = " ".join(map(str, self.numbers)), " ".join(map(str, self.words))
        return content_id("lab-open", self.kind, str(self.category), numbers, words)


def sample_instruction(rng: random.Random) -> Instruction:
    kind = rng.choice(["list", "count", "sort", "repeat"])
    category, n = rng.randrange(len(CATEGORIES)), rng.randint(2, 4)
    match kind:
        case "list":
            return Instruction(kind, category, (n,), tuple(sorted(rng.sample(range(NUM_WORDS), 2))))
        case "count":
            start = rng.randint(1, 60)
            return Instruction(kind, 0, tuple(range(start, start + rng.randint(3, 8))), ())
        case "sort":
            return Instruction(kind, 0, tuple(rng.sample(range(1, 60), rng.randint(3, 4))), ())
        case _:
            return Instruction(kind, category, (n,), tuple(rng.sample(range(NUM_WORDS), 2)))


_T = TypeVar("_T", bound=HasFamily)

_MAX_MISSES = 100_000
"""After so many draws without a new family a split is exhausted."""


def split_of(family: str) -> Split:
    """Return the split of a family by its content: 10 % test, 5 % validation, the rest training."""
    bucket = int(family, 16) % 20
    return "test" if bucket < 2 else "validation" if bucket < 3 else "train"


def distinct(sample: Callable[[random.Random], _T], split: Split, seed: str) -> Iterator[_T]:
    """Yield distinct problems (or instructions) of one split, the same for the same seed.

    Raises:
        InputError: there are no more.
    """
    rng = random.Random(seed)
    seen: set[str] = set()
    misses = 0
    while misses < _MAX_MISSES:
        family = sample(rng)
        misses += 1
        if family.family not in seen and split_of(family.family) == split:
            seen.add(family.family)
            misses = 0
            yield family
    raise InputError(f"the lab has about {len(seen)} families in {split!r}, no more: ask for fewer")


def sample_training(sample: Callable[[random.Random], _T], rng: random.Random) -> _T:
    """Sample a problem or an instruction of the training split."""
    while split_of((family := sample(rng)).family) != "train":
        pass
    return family


def problems(split: Split, seed: int, num: int, skip: int = 0) -> list[Problem]:
    """Return `num` distinct word problems of a split, after the first `skip` of this seed."""
    return list(islice(distinct(sample_problem, split, f"math-{split}-{seed}"), skip, skip + num))


def noun(forms: Mapping[str, Sequence[str]], index: int, n: int) -> str:
    """Return the form of a noun after a number; Russian has three (CLDR plural rules `ru`)."""
    if "few" in forms and n % 10 == 1 and n % 100 != 11:
        return forms["singular"][index]
    if "few" in forms and n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14):
        return forms["few"][index]
    return forms["noun"][index]


def slots(problem: Problem, language: str) -> dict[str, str]:
    """Return the fields of the templates of a language: people, things, phrases, numbers."""
    words = templates_of(language)
    items, containers = words["items"], words["containers"]
    step, answer = problem.steps
    numbers = {"x": problem.x, "y": problem.y, "w": problem.w, "s": step, "z": answer}
    filled = {name: str(number) for name, number in numbers.items()}
    for letter, index in (("A", problem.a), ("B", problem.b)):
        filled[letter] = words["names"]["nom"][index]
        filled |= {f"{letter}_{form}": names[index] for form, names in words["names"].items()}
    for letter in "xyw":
        n = numbers[letter]
        filled[f"{letter}n"] = words["count"].format(n=n, noun=noun(items, problem.item, n))
    boxes = noun(containers, problem.container, problem.x)
    filled["boxes"] = words["count"].format(n=problem.x, noun=boxes)
    filled["noun"] = items["noun"][problem.item]
    phrases = {
        "each": containers["each"][problem.container],
        "one": items["one"][problem.item],
        "how_many": items["how_many"][problem.item]
        if "how_many" in items
        else words["how_many"].format(noun=filled["noun"]),
    }
    return filled | phrases | {capital(name): capital(text) for name, text in phrases.items()}


def capital(phrase: str) -> str:
    """Return a phrase with a capital first letter."""
    return phrase[0].upper() + phrase[1:]


def render_problem(problem: Problem, language: str) -> tuple[str, str]:
    """Return a problem and its worked answer in a language."""
    words = templates_of(language)
    problem_text, working = words["math"][problem.kind]
    filled = slots(problem, language)
    space = "" if language.startswith("zh") else " "
    answer = f"{working.format(**filled)}{space}{render_result(problem, language)}"
    return problem_text.format(**filled), answer


def render_result(problem: Problem, language: str) -> str:
    """Return the last sentence of a worked answer, which has the number."""
    return templates_of(language)["final"].format(z=problem.steps[1])


def render_instruction(instruction: Instruction, language: str) -> tuple[str, str, str]:
    """Return an instruction, a right answer, and the gold that its grader reads."""
    words = templates_of(language)
    category, *names = words["categories"][CATEGORIES[instruction.category]]
    numbers, named = list(instruction.numbers), [names[i] for i in instruction.words]
    filled: dict[str, Any] = {"category": category, "n": numbers[0]}
    if named:
        filled |= {"word": named[0], "other": named[1]}
    gold = None
    match instruction.kind:
        case "list":
            allowed = [name for name in names if name not in named]
            answer = random.Random(instruction.family).sample(allowed, numbers[0])
            gold = json.dumps(
                {"count": numbers[0], "items": [[name] for name in allowed]}, ensure_ascii=False
            )
        case "count":
            answer = [str(n) for n in numbers]
            filled |= {"a": numbers[0], "b": numbers[-1]}
        case "sort":
            answer = [str(n) for n in sorted(numbers)]
            filled |= {"given": ", ".join(map(str, numbers))}
        case _:
            answer = [" ".join(named)] * numbers[0]
    request, template = words["open"][instruction.kind]
    filled["words"] = ", ".join(answer)
    return request.format(**filled), template.format(**filled), gold or ", ".join(answer)
