"""Counts of tokens in texts, to compare the compute of runs."""

from collections.abc import Callable, Sequence
from pathlib import Path

from isoglot.core.records import Completion
from isoglot.models.local.special import SpecialTokens
from isoglot.models.local.template import load_tokenizer
from isoglot.models.local.weights import located
from isoglot.models.source import SOURCE


def token_counter(policy: Path) -> Callable[[Sequence[str]], int]:
    """Return a function that counts the tokens of texts by the tokenizer in a policy's folder."""
    special = SpecialTokens(load_tokenizer(*located(str(policy))))

    def count(texts: Sequence[str]) -> int:
        return sum(map(len, special.encode([*map(special.mark, texts)])))

    return count


def is_of_model(completion: Completion) -> bool:
    """False for a completion that the source of the prompts provided."""
    return completion.translated_from is not None or completion.sampler != SOURCE
