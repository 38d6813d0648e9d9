"""XStoryCloze: which of two sentences ends a story of four, in 11 languages.

Lin et al. 2021, arXiv:2112.10668; the English is StoryCloze (Mostafazadeh et al. 2016). 1,511
stories, parallel by `story_id`, and 360 for worked examples. By likelihood an ending continues the
story, as in lm-eval; the variant `lm_eval` has a blank before it in every language.
"""

from isoglot.benchmarks.choices import (
    ENGLISH_VARIANT,
    LM_EVAL_VARIANT,
    ChoiceItem,
    ItemSplit,
    family_of,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, text_cell

# Names on the hub and in the files; the answer counts from 1.
_STORY = tuple((f"input_sentence_{number}", f"InputSentence{number}") for number in range(1, 5))
_LABELS = {"1": "sentence_quiz1", "2": "sentence_quiz2"}
_ENDINGS = {label: (label, f"RandomFifthSentenceQuiz{number}") for number, label in _LABELS.items()}
_ANSWER = ("answer_right_ending", "AnswerRightEnding")
_UNSPACED = ("zh-Hans",)


def _items(split: ItemSplit) -> list[ChoiceItem]:
    is_lm_eval = split.prompt_format.variant == LM_EVAL_VARIANT
    blank = "" if split.language in _UNSPACED and not is_lm_eval else " "
    question = split.words("hellaswag")["question"]
    items = []
    for row in split.rows:
        story = blank.join(text_cell(row, *columns) for columns in _STORY)
        options = {label: text_cell(row, *columns) for label, columns in _ENDINGS.items()}
        items.append(
            ChoiceItem(
                family=family_of("xstorycloze", cell(row, "story_id", "InputStoryid")),
                text=question,
                options=options,
                gold=named(cell(row, *_ANSWER), _LABELS, _ANSWER[0], row),
                passage=story,
                stem=story,
                endings={label: blank + text for label, text in options.items()},
            )
        )
    return items


XSTORYCLOZE = multiple_choice(
    "xstorycloze", _items, variants=("", ENGLISH_VARIANT, LM_EVAL_VARIANT)
)
