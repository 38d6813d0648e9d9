"""The stage that gives prompts their privileged contexts, for self-distillation."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.records import PrivilegedPrompt
from isoglot.data.privilege import privileged_prompts
from isoglot.execute.local import map_shards
from isoglot.line.job import Job


def make_privileged(job: Job, out: Path) -> Mapping[str, Any]:
    """Give each prompt the dominant language's best answer as a context, or drop it by name."""
    recipe = job.recipe
    assert recipe.privilege is not None
    stage = partial(privileged_prompts, config=recipe.privilege, dominant=recipe.dominant_language)
    inputs = job.shards("prompts", "completions")
    with job.bar("privilege", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, PrivilegedPrompt, bar=bar)
    return counts.kept_and_dropped
