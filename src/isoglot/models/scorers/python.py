"""Scorer of the user's own: a Python function, named by its import path."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from traceback import extract_tb
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.records import Completion, FinishReason, Prompt, content_id
from isoglot.core.scorers import PythonConfig


class PythonScorer:
    """Scorer: the values of a function of the user's.

    The function takes prompts and completions as `Scorer.score` does, those of whole families, and
    returns a list with a number or None for each completion. Raises InputError if there is no such
    function, if it raises an error, or if it returns something else.
    """

    def __init__(self, config: PythonConfig) -> None:
        self.name = f"python:{config.path}"
        self._function = _imported(config)

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`."""
        try:
            values = self._function(prompts, completions)
        except Exception as error:
            raise InputError(f"{self.name} raised {_described(error)}; mend it there") from error
        if not isinstance(values, list | tuple) or len(values) != len(completions):
            num = f" of {len(values)}" if hasattr(values, "__len__") else ""
            raise InputError(
                f"{self.name}: expected a list of {len(completions)} rewards, one for each "
                f"completion, got {type(values).__name__}{num}; return a number or None for each"
            )
        return [self._reward(value) for value in values]

    def try_out(self, languages: Sequence[str]) -> None:
        """Score two made answers in each language; raises as `score` does."""
        rows = [
            (prompt, Completion("trial", prompt.prompt_id, tag, "trial", i, text, reason))
            for tag in languages
            for prompt in [Prompt.from_text("1 + 1 = ?", language=tag, family="trial", gold="2")]
            for i, (text, reason) in enumerate(
                [("The answer is 2.", FinishReason.STOP), ("", FinishReason.LENGTH)]
            )
        ]
        self.score([prompt for prompt, _ in rows], [row for _, row in rows])

    def _reward(self, value: Any) -> float | None:
        if value is None:
            return None
        if not isinstance(value, Real):
            raise InputError(
                f"{self.name}: expected a number or None as reward, got {value!r} "
                f"({type(value).__name__}); return float(...) of it"
            )
        return float(value)


def try_python_scorer(config: PythonConfig, languages: Sequence[str]) -> None:
    """Import the function of a config and try it out; raises as `PythonScorer` does."""
    PythonScorer(config).try_out(languages)


def python_revision(config: PythonConfig) -> str:
    """Identify the function by its name and the content of its module's source file.

    The modules that it imports in turn do not count. Raises InputError without a source file.
    """
    module, name = _parts(config)
    return content_id(name, file_sha256(_source(config, module)))


def _parts(config: PythonConfig) -> tuple[str, str]:
    module, _, name = config.path.partition(":")
    return module, name


def _source(config: PythonConfig, module: str) -> Path:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    except Exception as error:
        raise InputError(f"{config.path} cannot be imported: {_described(error)}") from error
    if spec is None:
        raise InputError(
            f"expected the module {module!r} of the scorer {config.name!r} among the places that "
            f"Python imports from, got none; install it, or name its folder in PYTHONPATH"
        )
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise InputError(
            f"expected a module with a source file in {config.path!r}, got {spec.origin}; name "
            "the module that defines the function"
        )
    return Path(spec.origin)


def _imported(config: PythonConfig) -> Callable[..., Any]:
    module, name = _parts(config)
    _source(config, module)
    try:
        found = import_module(module)
    except Exception as error:
        raise InputError(f"{config.path} cannot be imported: {_described(error)}") from error
    function = getattr(found, name, None)
    if not callable(function):
        came = "no such name" if function is None else type(function).__name__
        raise InputError(
            f"expected a function of prompts and completions at {config.path!r}, got {came}; "
            f"define it in {getattr(found, '__file__', module)}"
        )
    return function


def _described(error: Exception) -> str:
    """Return the error in one line, with the innermost line of the user's that raised it."""
    own = [
        frame
        for frame in extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith(("<", sys.base_prefix))
    ]
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}"
