"""The findings of an evaluation: in one sentence, and in the tiles at the top of its page."""

from isoglot.report.page import Tile
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.names import count_of, in_sentence, metric_name
from isoglot.report.results.rows import (
    MEAN,
    OFF_TARGET,
    GroupRow,
    Measure,
    groups_of,
    language_order,
    measures_of,
    task_names,
    unknown_sentence,
)
from isoglot.report.table import POINTS, bounds, number

NO_RESULTS = "This evaluation has no results yet."
_MAX_TILES = 5


def sentence(results: Evaluation) -> str:
    """The findings of the evaluation, in one sentence."""
    rows, tasks = results.results, task_names(results.results)
    if not rows:
        return NO_RESULTS
    named = tasks[0] if len(tasks) == 1 else count_of(len(tasks), "task")
    text = f"{named} in {count_of(len(language_order(rows)), 'language')}"
    main = next(iter(measures_of(rows)), None)
    mean = _mean(results, main) if main else None
    if main is None or mean is None:
        return f"{text}."
    metric = in_sentence(metric_name(main.metric))
    text += f": mean {metric} {number(mean.value)} % ({bounds(mean.interval)})"
    if change := mean.change_interval:
        points = f"{number(change.value, POINTS)} points"
        between = f" ({bounds(change, POINTS)})" if change.has_bounds else ""
        text += f", {points}{between} from {results.baseline}"
        if not change.is_beyond_zero:
            text += ", which is no measurable change"
    return f"{text}."


def _mean(results: Evaluation, measure: Measure) -> GroupRow | None:
    return groups_of(results.groups, measure).get(MEAN)


def tiles(results: Evaluation) -> list[Tile]:
    """The mean of each task's own measure, then the mean off-target rates, as many as fit."""
    first = {measure.task: measure for measure in reversed(measures_of(results.results))}
    wanted = [*reversed(first.values()), *(Measure(task, OFF_TARGET) for task in reversed(first))]
    found = []
    for measure in wanted:
        row = _mean(results, measure)
        if row is None or row.value is None:
            continue
        note = bounds(row.interval)
        if row.change is not None:
            note += f"; {number(row.change, POINTS)} points"
        name = f"{measure.title}, mean of {len(row.languages)}"
        found.append(Tile(name, f"{number(row.value)} %", note))
    return found[:_MAX_TILES]


def fine_print(results: Evaluation) -> list[str]:
    """Seed, baseline, unknown answers, and what the intervals are."""
    lines = [f"Seed {'unknown' if results.seed is None else results.seed}"]
    if results.baseline:
        lines.append(f"Changes are in points, from {results.baseline}, on the same prompts")
    if text := unknown_sentence(row for row in results.results if row.metric != OFF_TARGET):
        lines.append(f"{text}: kept out of the values, and counted next to them")
    return [
        " · ".join(lines),
        "Intervals are 95 %; those of a mean over languages draw prompts, in all languages at "
        "once, because languages share their prompts.",
    ]
