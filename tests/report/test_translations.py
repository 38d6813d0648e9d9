"""The tables of what was kept and lost in translation."""

from io import StringIO

from rich.console import Console

from isoglot.report.pages.run import render
from isoglot.report.translations import translation_sections, translation_tables


def row(what, tag, kept, **lost):
    return {"what": what, "language": tag, "kept": kept, "lost": lost}


SUMMARY = {
    "recipe": "mine",
    "rounds": [
        {
            "round": 0,
            "translations": [
                row("prompts", "de", 7, copied_source=2),
                row("prompts", "sw", 9, **{"<b>": 1}),
                row("answers", "sw", 5),
            ],
        },
        {"round": 1, "translations": [row("prompts", "de", 1, lost_number=3)]},
    ],
}


def test_each_language_has_what_was_kept_and_every_reason():
    prompts, answers = translation_sections(SUMMARY)
    assert prompts.grid.columns == [
        "Language",
        "Kept",
        "Lost",
        "<b>",
        "copied source",
        "lost number",
    ]
    assert [(line.tag, list(line.cells)) for line in prompts.grid.lines] == [
        ("de", ["8", "5", "0", "2", "3"]),
        ("sw", ["9", "1", "1", "0", "0"]),
    ]
    assert [list(line.cells) for line in answers.grid.lines] == [["5", "0"]]


def test_how_likely_they_were_is_shown_where_a_translator_said_it():
    said = [
        {**row("prompts", "de", 3), "log_probability": -0.5},
        {**row("prompts", "sw", 1, copied_source=1), "log_probability": None},
    ]
    again = [{**row("prompts", "de", 1), "log_probability": -1.0}]
    summary = {"rounds": [{"round": 0, "translations": said}, {"round": 1, "translations": again}]}
    (section,) = translation_sections(summary)
    assert section.grid.columns[-1] == "Log-probability"
    assert [line.cells[-1] for line in section.grid.lines] == ["-0.625", "–"]
    assert "mean of a token" in section.caption
    assert not any("mean of a token" in each.caption for each in translation_sections(SUMMARY))


def test_page_and_console_show_them_and_reasons_are_no_markup():
    page = render(SUMMARY, {})
    assert "Prompts kept and lost in translation" in page
    assert "Answers kept and lost in translation" in page
    assert "copied source" in page
    assert "<b></th>" not in page
    stream = StringIO()
    for table in translation_tables(SUMMARY):
        Console(file=stream, width=120).print(table)
    assert "Swahili" in stream.getvalue()
    assert "lost number" in stream.getvalue()


def test_a_run_that_translates_nothing_has_no_table():
    assert translation_sections({"rounds": [{"round": 0, "pairs": None}]}) == []
    assert "in translation" not in render({"rounds": [{"round": 0, "translations": []}]}, {})
