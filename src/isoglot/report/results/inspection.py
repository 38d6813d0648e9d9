"""The rows of a user's source, as `isoglot inspect` understands them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from isoglot.core.documents import Document
from isoglot.report.results.rows import ResultPart

RowUse = Literal["prompts", "demonstrations", "preferences"]


class InspectedRow(ResultPart):
    """A row that makes an example."""

    place: str
    language: str
    """BCP-47 tag; empty where no column says it and the identifier is unsure."""
    prompt: str
    """The last user turn; empty for a text alone."""
    answers: Mapping[str, str]
    """`completion`, `chosen`, `rejected` or `text`, where the row has it."""


class Refusal(ResultPart):
    """Rows that make no example, by one reason."""

    reason: str
    num_rows: int
    first: str
    """The message about the first of them."""


class Inspection(Document):
    """The form, languages, columns and examples of a source, and the rows that would be refused."""

    source: str
    revision: str
    """A hash of the content, or the commit of a hub set."""
    num_rows: int
    forms: Mapping[str, int]
    """Number of rows of each form."""
    uses: Mapping[RowUse, int]
    """Number of examples that the rows make, by their use."""
    use: RowUse
    """The use that the refusals are of."""
    languages: Mapping[str, int]
    """Number of rows in each language, by a column or as identified."""
    num_unsure: int
    """Rows whose language is neither in a column nor identified."""
    is_identified: bool
    """True if no column says the language."""
    mismatched: Mapping[str, str]
    """Languages of which a fifth or more of the first rows are identified as another one, which is
    the value."""
    columns: Mapping[str, str]
    """The columns that are read, and the part of an example in each."""
    unused: Sequence[str]
    """The other columns."""
    parallel: str | None
    """A column that is equal in all languages of a prompt, where there is one."""
    by_file: str | None
    """A path whose `{language}` is the name of each file, where these are languages."""
    examples: Sequence[InspectedRow]
    refused: Sequence[Refusal]
