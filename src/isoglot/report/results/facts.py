"""`run.json`: how a run was made, as far as reports need it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict, JsonValue

from isoglot.core.documents import read_json
from isoglot.core.section import validated
from isoglot.report.results.rows import ResultPart

RECORD_MEND = "name a run directory; a damaged file is written again by `isoglot run` once deleted"
"""The way out where `run.json` cannot be read."""


class PolicyFacts(ResultPart):
    """The base model of a run."""

    model_config = ConfigDict(extra="ignore")

    path: str | None = None
    revision: str | None = None


class RecipeFacts(ResultPart):
    """The parts of a run's recipe that a card names."""

    model_config = ConfigDict(extra="ignore")

    name: str | None = None
    seed: int | None = None
    languages: Sequence[str] = ()
    policy: PolicyFacts = PolicyFacts()
    train: Mapping[str, JsonValue] | None = None
    clean: Mapping[str, JsonValue] | None = None


class RunFacts(ResultPart):
    """The recipe and the versions of a run."""

    model_config = ConfigDict(extra="ignore")

    recipe: RecipeFacts = RecipeFacts()
    versions: Mapping[str, str] = {}
    day: str | None = None
    """The day that chat templates took for today."""


def read_run_facts(run: Path) -> RunFacts:
    """The facts of a run directory; none where `run.json` is not there."""
    path = run / "run.json"
    if not path.exists():
        return RunFacts()
    return validated(RunFacts, read_json(path, mend=RECORD_MEND), str(path))
