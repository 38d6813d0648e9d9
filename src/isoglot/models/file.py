"""Completions that the user already has, as a sampler."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.rows import Place, Row, read_rows
from isoglot.core.section import Section


class FileSamplerConfig(Section):
    """Where the completions lie and which columns say what."""

    kind: Literal["file"] = "file"
    path: Path
    """JSONL, JSON, CSV, TSV or Parquet, one completion in a row."""
    id_columns: tuple[str, ...] = ()
    """The columns, in order, that the prompts were read with as `id`; left out, `prompt_id`."""
    text_column: str = "completion"
    finish_reason_column: str | None = None
    """`stop`, `length` or `error`; without it every completion counts as finished (`stop`)."""
    sampler_column: str | None = None
    """The model that wrote the completion; without it the name of the file stands for it."""
    sampler: str | None = None
    """The one to read where `sampler_column` names several."""


class FileSampler:
    """Answers with what the file has; a prompt without a completion has finish reason `error`.

    Rows join on the content id of `id_columns`; without those, on a column `prompt_id` as it is.
    Several rows of one prompt are its samples, in the order of the file. Raises InputError for a
    file, column or finish reason that is not as the config says.
    """

    def __init__(self, config: FileSamplerConfig) -> None:
        revision = file_revision(config.path)
        self._completions: dict[str, list[Sampled]] = {}
        samplers: set[str] = set()
        for place, row in read_rows(config.path):
            _require_columns(row, config, place)
            if config.sampler_column is not None:
                sampler = str(row[config.sampler_column])
                if config.sampler is not None and sampler != config.sampler:
                    continue
                samplers.add(sampler)
            answers = self._completions.setdefault(_prompt_id(row, config.id_columns), [])
            answers.append(_sampled(row, config, place))
        if not self._completions:
            wanted = f" of {config.sampler!r}" if config.sampler else ""
            raise InputError(
                f"expected completions{wanted} in {config.path}, got none; correct `path` "
                f"or `sampler`"
            )
        if len(samplers) > 1:
            raise InputError(
                f"expected one model in column {config.sampler_column!r} of {config.path}, "
                f"got {', '.join(sorted(samplers))}; say which one with `sampler`"
            )
        model = samplers.pop() if samplers else config.path.name.split(".")[0]
        self.name = f"{model}@{revision}"

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """As in the protocol; of `sampling` only `num_samples` has a meaning here."""
        missing = Sampled("", FinishReason.ERROR)
        answers = []
        for prompt in prompts:
            known = self._completions.get(prompt.prompt_id, [])[: sampling.num_samples]
            answers.append(known + [missing] * (sampling.num_samples - len(known)))
            tick(1, prompt.language)
        return answers


def file_revision(path: Path) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a file; InputError where there is none."""
    if not path.is_file():
        raise InputError(
            f"expected a file of completions, got {path}, which is not there; correct `path`"
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _prompt_id(row: Row, id_columns: Sequence[str]) -> str:
    if not id_columns:
        return str(row["prompt_id"])
    return content_id(*(str(row[column]) for column in id_columns))


def _sampled(row: Row, config: FileSamplerConfig, place: Place) -> Sampled:
    text = row[config.text_column]
    if text is None:
        return Sampled("", FinishReason.ERROR)
    reason = FinishReason.STOP
    if config.finish_reason_column is not None:
        value = row[config.finish_reason_column]
        if value not in set(FinishReason):
            raise InputError(
                f"expected a finish reason among {', '.join(FinishReason)}, got {value!r} "
                f"in {place}; rename it in the file"
            )
        reason = FinishReason(value)
    return Sampled(str(text), reason)


def _require_columns(row: Row, config: FileSamplerConfig, place: Place) -> None:
    optional = (config.finish_reason_column, config.sampler_column)
    id_columns = config.id_columns or ("prompt_id",)
    for column in (*id_columns, config.text_column, *filter(None, optional)):
        if column not in row:
            raise InputError(
                f"{place}: expected column {column!r}, got {', '.join(row)}; correct the column "
                "names in the recipe"
            )
