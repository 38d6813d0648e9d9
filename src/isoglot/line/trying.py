"""Trying a run by hand: one prompt, and the answer of every policy from M0 on."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.languages import language as known_language
from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt
from isoglot.core.section import validated
from isoglot.line.sources import identifier_of, with_system
from isoglot.models.load import load_sampler
from isoglot.recipe.recipe import Recipe
from isoglot.report.results.facts import RECORD_MEND


class PolicyAnswer(NamedTuple):
    """The answer of one policy."""

    policy: str
    """M0, M1, …"""
    sampled: Sampled
    identified: str | None
    """The language of the answer; None when unsure."""
    wanted: str | None
    """The language of the prompt; None when unsure."""
    thought_language: str | None = None
    """The language of the thought; None when unsure, or without one."""

    @property
    def is_off_target(self) -> bool | None:
        """True for an answer in another language than the prompt; None if one is not known."""
        return self._is_other(self.identified)

    @property
    def is_thought_off_target(self) -> bool | None:
        """True for a thought in another language than the prompt; None if one is not known."""
        return self._is_other(self.thought_language)

    def _is_other(self, tag: str | None) -> bool | None:
        return None if tag is None or self.wanted is None else tag != self.wanted


class Trial:
    """The policies of a run, each loaded when it first answers.

    Raises:
        InputError: no run there, or a policy that it does not have.
    """

    def __init__(self, run: Path, policies: Sequence[str] = ()) -> None:
        content = read_json(run / "run.json", mend=RECORD_MEND)
        self.recipe: Recipe = validated(Recipe, content.get("recipe", {}), str(run / "run.json"))
        found = {"M0": self.recipe.policy.path}
        for folder in sorted(run.glob("round-*/train/policy"), key=_round_of):
            found[f"M{_round_of(folder) + 1}"] = str(folder)
        if unknown := [name for name in policies if name not in found]:
            raise InputError(
                f"{run} has no policy {unknown[0]}: expected one of {', '.join(found)}"
            )
        self.policies = {name: found[name] for name in policies or found}
        self._identifier = identifier_of(self.recipe)
        self._samplers: dict[str, Any] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._samplers.clear()
        self._open.close()

    def answers(
        self, text: str, sampling: Sampling, language: str | None = None
    ) -> Iterator[PolicyAnswer]:
        """Yield the answer of each policy as it comes.

        `language` is that of the prompt (BCP-47), which is identified by default.
        """
        wanted = known_language(language).tag if language else self._identify(text)
        prompt = Prompt.from_text(text, language=wanted or self.recipe.dominant_language)
        for name in self.policies:
            ((sampled,),) = self._sampler(name).sample(
                [with_system(prompt, self.recipe.system)], sampling
            )
            of_thought = self._identify(sampled.thought) if sampled.thought else None
            yield PolicyAnswer(name, sampled, self._identify(sampled.text), wanted, of_thought)

    def _identify(self, text: str) -> str | None:
        return self._identifier.identify([text])[0]

    def _sampler(self, name: str) -> Any:
        if name not in self._samplers:
            config = self.recipe.policy
            if (path := self.policies[name]) != config.path:
                config = config.model_copy(update={"path": path})
            sampler = load_sampler(config)
            if hasattr(sampler, "close"):
                self._open.callback(sampler.close)
            self._samplers[name] = sampler
        return self._samplers[name]


def _round_of(policy: Path) -> int:
    """The round of `RUN/round-T/train/policy`."""
    return int(policy.parts[-3].removeprefix("round-"))
