"""A sample has the same families in every language that can have them, and equally many in all."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.examples import select_examples
from isoglot.core.records import Prompt

PARALLEL = ("en", "de", "es")


def example(family: str, tag: str) -> Example:
    return Example(Prompt.from_text(f"{family} in {tag}", language=tag, family=family))


def selected(families: dict[str, tuple[str, ...]], num: int, seed: int) -> dict[str, set[str]]:
    examples = [example(family, tag) for family, tags in families.items() for tag in tags]
    found = defaultdict(set)
    for shard in select_examples(examples, num, families_per_shard=2, seed=seed):
        for each in shard:
            found[each.prompt.language].add(each.family)
    return found


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(0, 3))
def test_each_language_has_its_number_and_parallel_families_first(num_parallel, num_own, num, seed):
    families = {f"all-{i}": PARALLEL for i in range(num_parallel)}
    families |= {f"{tag}-{i}": (tag,) for tag in PARALLEL for i in range(num_own)}
    found = selected(families, num, seed)
    for tag in PARALLEL:
        assert len(found[tag]) == min(num, num_parallel + num_own)
        shared = {family for family in found[tag] if family.startswith("all-")}
        assert len(shared) == min(num, num_parallel)
        assert shared == {family for family in found["en"] if family.startswith("all-")}


def test_a_language_whose_families_are_its_own_is_in_the_sample():
    """As English in the Language Confusion Benchmark, which has no cross-lingual prompts in it."""
    families = {f"cross-{i}": ("de", "es") for i in range(9)}
    families |= {f"mono-{i}": ("en",) for i in range(9)}
    assert {tag: len(found) for tag, found in selected(families, 4, 1).items()} == {
        "en": 4,
        "de": 4,
        "es": 4,
    }
