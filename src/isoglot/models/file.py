"""A file of completions, as a sampler."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from isoglot.core.cells import cell_id, cell_text
from isoglot.core.endings import read_ending
from isoglot.core.errors import InputError
from isoglot.core.failures import NOT_IN_FILE
from isoglot.core.files import file_sha256
from isoglot.core.forms import answer_text
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.rows import Row, errors_at, read_rows
from isoglot.core.section import Section
from isoglot.core.thinking import ThoughtMarks, thought_of_message
from isoglot.core.verbosity import tell


class FileSamplerConfig(Section):
    """A file of completions and the meaning of its columns."""

    engine: Literal["file"] = "file"
    path: Path
    """JSONL, JSON, CSV, TSV or Parquet, one completion per row."""
    id_columns: tuple[str, ...] = ()
    """The columns, in order, that were the `id` of the prompts; by default `prompt_id`."""
    text_column: str = "completion"
    """The column of the completion."""
    finish_reason_column: str | None = None
    """`stop`, `length` or `error`, in the words of any API; without this column every completion
    counts as `stop`."""
    sampler_column: str | None = None
    """The model that wrote the completion; by default the name of the file stands for it."""
    sampler: str | None = None
    """The model to read if `sampler_column` has several."""
    thought_column: str | None = None
    """The thought before the completion; by default it is read from the completion by its marks, or
    from `reasoning_content`, `reasoning` or `thinking` of a turn."""
    thought_marks: ThoughtMarks = "auto"
    """The marks around a thought in the completion, as in the config of a local model."""


class FileSampler:
    """Returns the completions of a file; a prompt without one has finish reason `error`, and one
    whose thought never ends `length`.

    Rows are matched by the content id of `id_columns`, or else by the column `prompt_id` as it is.
    An id of 21.0 is 21. Several rows of one prompt are its samples, in the order of the file.
    Raises InputError for a missing file or column, a cell that is no text, and an unknown finish
    reason.
    """

    def __init__(self, config: FileSamplerConfig) -> None:
        revision, self._path = file_revision(config.path), config.path
        self._completions: dict[str, list[Sampled]] = {}
        samplers: set[str] = set()
        for place, row in read_rows(config.path):
            with errors_at(place):
                _require_columns(row, config)
                if config.sampler_column is not None:
                    sampler = cell_text(row[config.sampler_column], config.sampler_column)
                    if config.sampler is not None and sampler != config.sampler:
                        continue
                    samplers.add(sampler)
                ids = [_id(row[column], column) for column in config.id_columns]
                prompt_id = content_id(*ids) if ids else cell_id(row["prompt_id"], "prompt_id")
                self._completions.setdefault(prompt_id, []).append(_sampled(row, config))
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

    def has(self, prompt_id: str) -> bool:
        """True if the file has a completion of the prompt."""
        return prompt_id in self._completions

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. Of `sampling` only `num_samples` has an effect."""
        missing = Sampled("", FinishReason.ERROR, failure=NOT_IN_FILE)
        answers = []
        for prompt in prompts:
            known = self._completions.get(prompt.prompt_id, [])[: sampling.num_samples]
            answers.append(known + [missing] * (sampling.num_samples - len(known)))
            tick(1, prompt.language)
        if lacking := [prompt for prompt in prompts if prompt.prompt_id not in self._completions]:
            tell(
                f"{self._path} has no completion for {len(lacking):,} of {len(prompts):,} prompts, "
                f"as {lacking[0].text[:40]!r}: they have no value"
            )
        return answers


def _id(value: object, column: str) -> str:
    """The text of an id; of a conversation that stands for one, the texts of its turns."""
    if isinstance(value, list) and all(isinstance(turn, Mapping) for turn in value):
        return "\n\n".join(cell_text(turn.get("content"), column) for turn in value)
    return cell_id(value, column)


def file_revision(path: Path) -> str:
    """Return 12 hexadecimal digits of a file's SHA-256; raise InputError if it is missing."""
    if not path.is_file():
        raise InputError(
            f"expected a file of completions, got {path}, which is not there; correct `path`"
        )
    return file_sha256(path)[:12]


def _sampled(row: Row, config: FileSamplerConfig) -> Sampled:
    column = config.text_column
    value = row[column]
    if value is None:
        return Sampled("", FinishReason.ERROR, failure=NOT_IN_FILE)
    if isinstance(value, list | Mapping):
        turn = value if isinstance(value, Mapping) else next(iter(value), {})
        text = answer_text(row, column)
        told = thought_of_message(turn) if isinstance(turn, Mapping) else None
    else:
        text, told = cell_text(value, column), None
    reason = FinishReason.STOP
    if config.finish_reason_column is not None:
        ending = read_ending(row[config.finish_reason_column])
        if not ending.is_known:
            raise InputError(
                f"expected a finish reason such as {', '.join(FinishReason)}, came "
                f"{row[config.finish_reason_column]!r:.60}; rename it in the file"
            )
        reason = ending.reason
    sampled = Sampled.of_text(text, reason, marks=config.thought_marks)
    name = config.thought_column
    if name is not None and row[name] is not None:
        told = cell_text(row[name], name).strip()
    return sampled._replace(thought=told) if told else sampled


def _require_columns(row: Row, config: FileSamplerConfig) -> None:
    optional = (config.finish_reason_column, config.sampler_column, config.thought_column)
    id_columns = config.id_columns or ("prompt_id",)
    for column in (*id_columns, config.text_column, *filter(None, optional)):
        if column not in row:
            raise InputError(
                f"expected column {column!r}, got {', '.join(row)}; correct the column names in "
                "the recipe"
            )
