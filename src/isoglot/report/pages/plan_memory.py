"""The memory of a plan, for a terminal."""

from collections.abc import Mapping
from string import ascii_uppercase

from isoglot.report.cells import Column
from isoglot.report.results.plan import PlannedMemory, RecipePlan
from isoglot.report.table import Table, TableRow


def memory_table(plan: RecipePlan) -> Table:
    """The peak memory of each stage and model, with its parts."""
    letters = model_letters(plan)
    columns = [Column("stage"), Column(""), Column("method", is_text=True), Column("rows")]
    columns += [Column("tokens each"), Column("GiB"), Column("of which", is_text=True)]
    rows = [
        TableRow(
            each.stage,
            [
                letters.get(_short_name(each.model), ""),
                each.method,
                str(each.rows),
                f"{each.length:,}",
                f"{each.gib:.1f}{'' if each.fits else ' !'}",
                _parts(each),
            ],
        )
        for each in plan.memory
    ]
    title = f"Peak memory of one device, of {plan.device_gib:.0f} GiB"
    failing = [each for each in plan.memory if not each.fits]
    caption = "! does not fit: a run would refuse it, and name the nearest setting that does"
    return Table(title, columns, rows, caption=caption if failing else "")


def model_letters(plan: RecipePlan) -> Mapping[str, str]:
    """A letter for each model: names are too long for a table of 80 columns."""
    names = dict.fromkeys(work.model for work in plan.works if work.model)
    return dict(zip(names, ascii_uppercase, strict=False))


def _short_name(path: str) -> str:
    """The name of a local folder's model, as rows of work have it; a hub id as it is."""
    return path.rstrip("/").rsplit("/", 1)[-1] if path.startswith(("/", "./", "~")) else path


def _parts(memory: PlannedMemory) -> str:
    known = [(name, gib) for name, gib in memory.parts.items() if gib >= 0.05]
    return ", ".join(f"{name} {gib:.1f}" for name, gib in known)
