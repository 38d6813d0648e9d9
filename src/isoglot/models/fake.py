"""Deterministic doubles of everything that answers when asked: for tests, examples and dry runs."""

from collections.abc import Callable, Mapping, Sequence

from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import Completion, FinishReason, Prompt

_UNKNOWN = Sampled("", FinishReason.ERROR)


class FakeSampler:
    """Answers from a function of (prompt, sample index), or a dict by the prompt's last user turn.

    A plain string is a finished answer; a prompt that the dict lacks has finish reason `error`.
    """

    def __init__(
        self,
        outputs: Callable[[Prompt, int], str | Sampled] | Mapping[str, str | Sampled],
        name: str = "fake@0",
    ) -> None:
        self.name = name
        self._outputs = outputs

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """As in the protocol."""
        answers = []
        for prompt in prompts:
            answers.append([self._answer(prompt, i) for i in range(sampling.num_samples)])
            tick(1, prompt.language)
        return answers

    def _answer(self, prompt: Prompt, sample: int) -> Sampled:
        if callable(self._outputs):
            return _finished(self._outputs(prompt, sample))
        return _finished(self._outputs.get(prompt.text, _UNKNOWN))


class FakeTranslator:
    """Translates by a function of (text, source, target), or a dict by (text, target).

    By default the translation is `[target] text`. What the dict lacks has finish reason `error`.
    """

    def __init__(
        self,
        outputs: Callable[[str, str, str], str | Sampled]
        | Mapping[tuple[str, str], str | Sampled]
        | None = None,
        name: str = "fake-translator@0",
    ) -> None:
        self.name = name
        self._outputs = outputs or (lambda text, _source, target: f"[{target}] {text}")

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """As in the protocol."""
        answers = []
        for text, source, target in zip(texts, sources, targets, strict=True):
            answers.append(self._answer(text, source, target))
            tick(1, target)
        return answers

    def _answer(self, text: str, source: str, target: str) -> Sampled:
        if callable(self._outputs):
            return _finished(self._outputs(text, source, target))
        return _finished(self._outputs.get((text, target), _UNKNOWN))


class FakeScorer:
    """Rewards by a function of (prompt, completion), or a dict by text; None where it lacks one."""

    def __init__(
        self,
        rewards: Callable[[Prompt, Completion], float | None] | Mapping[str, float | None],
        name: str = "fake-scorer",
    ) -> None:
        self.name = name
        self._rewards = rewards

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """As in the protocol."""
        pairs = zip(prompts, completions, strict=True)
        if callable(self._rewards):
            return [self._rewards(prompt, completion) for prompt, completion in pairs]
        return [self._rewards.get(completion.text) for _, completion in pairs]


class FakeIdentifier:
    """Identifies by a function of the text, or a dict by text; None where the dict lacks it."""

    def __init__(
        self,
        languages: Callable[[str], str | None] | Mapping[str, str | None],
        name: str = "fake-identifier",
    ) -> None:
        self.name = name
        self._languages = languages

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """As in the protocol."""
        known = self._languages if callable(self._languages) else self._languages.get
        return [known(text) for text in texts]


def _finished(output: str | Sampled) -> Sampled:
    return output if isinstance(output, Sampled) else Sampled(output, FinishReason.STOP)
