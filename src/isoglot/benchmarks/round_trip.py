"""Round trip: a text into a language and back, compared with itself.

Needs no references and so works in every language that the table has: texts in English are
translated into it, then the translation alone, in a conversation of its own, back into English.
chrF++, spBLEU and BLEU compare the result with the text. A model that does not translate at all
would return it unharmed: a way back from a text in another language than requested has no right
n-gram. By default the texts are the 204 English sentences of SIB-200's test split, which are
FLORES-200's; `data` may be texts of one's own.
"""

from dataclasses import replace

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.benchmarks.conversations import ANSWER, build_example
from isoglot.benchmarks.rows import position, text_cell
from isoglot.benchmarks.translation import translation_request
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Prompt
from isoglot.evals.metric import Metric, Statistics
from isoglot.evals.translation_metrics import BLEU, CHRF, SPBLEU

PIVOT = "en"

_BACK = "/back"


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    if tag == PIVOT:
        return []
    examples = []
    for place, row in enumerate(rows(f"test@{PIVOT}")):
        text = text_cell(row, "text")
        family = f"round_trip-{position(row, place, 'index_id', 'line')}"
        there = build_example(
            translation_request(PIVOT, tag, text), language=tag, family=family, source="round_trip"
        )
        back = build_example(
            translation_request(tag, PIVOT, ANSWER),
            language=tag,
            family=family,
            answer_language=PIVOT,
            gold=text,
            source=f"round_trip{_BACK}",
        )
        examples.append(replace(there, follow_ups=(back.prompt,)))
    return examples


def _is_back(prompt: Prompt) -> bool:
    return prompt.source.endswith(_BACK)


def round_trip_metrics(identifier: LanguageIdentifier) -> tuple[Metric, ...]:
    """Build the metrics of the way back, which read the way there."""

    def of(metric: Metric) -> Metric:
        def grade(prompt: Prompt, text: str) -> Statistics | None:
            there = prompt.text.partition("\n\n")[2]
            is_elsewhere = identifier.identify([there])[0] not in (None, prompt.language)
            return metric.grade(prompt, "" if is_elsewhere else text)

        return metric._replace(grade=grade, applies=_is_back)

    return tuple(map(of, (CHRF, SPBLEU, BLEU)))


ROUND_TRIP = Benchmark("round_trip", _examples, ())
"""Its metrics need an identifier: see `round_trip_metrics`."""
