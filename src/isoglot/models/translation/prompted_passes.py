"""Passes that rewrite a prompt in its own language: the wording of each, and its gates."""

from typing import Any, Literal

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.models.translation.prompted import PromptTranslatorConfig

_FRAME = """\
Below is a request that somebody sends to an assistant in {language}. TASK Write in \
{language}; do not carry out the request, and explain nothing.

<request>
{text}
</request>

Answer with the new request alone, between <prompt> and </prompt>."""

TEMPLATES = {
    "natural": _FRAME.replace(
        "TASK",
        "It may read like a translation: put it as a native speaker of {language} would, "
        "with the same meaning, numbers and conditions.",
    ),
    "local": _FRAME.replace(
        "TASK",
        "Move it to where {language} is spoken: names, places, food, customs, money and units "
        "as people know them there. It asks for the same kind of thing.",
    ),
    "harder": _FRAME.replace(
        "TASK",
        "Ask for something harder of the same kind: one more condition, or one more step of "
        "thought. It can still be answered without looking anything up.",
    ),
}
"""Instructions in English that name the language, by kind of pass; the wording is isoglot's."""


class RewritingConfig(PromptTranslatorConfig):
    """One pass over the prompts."""

    kind: Literal["natural", "local", "harder", "own"]
    """`natural` puts a prompt as a native speaker would, `local` moves it to where its language is
    spoken, `harder` asks for more; `own` is what your `template` says."""
    template: str = ""
    """Text of the request, with `{text}` and `{language}` (its English name); left out, that of the
    kind."""
    prefill: str = "<prompt>"
    pattern: str = r"\A(.*?)</prompt>"
    max_length_ratio: float = Field(4.0, gt=1)
    """Longer text over shorter text, in characters, of a rewritten prompt that is kept."""

    @model_validator(mode="before")
    @classmethod
    def _of_kind(cls, values: Any) -> Any:
        """Complete the template by that of the kind."""
        if not isinstance(values, dict) or values.get("template"):
            return values
        kind = values.get("kind")
        if kind == "own":
            raise InputError("a pass of kind own needs a template; add it")
        return {**values, "template": TEMPLATES[kind]} if kind in TEMPLATES else values
