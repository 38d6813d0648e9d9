"""The tables of what was kept and lost in translation."""

from io import StringIO

from rich.console import Console

from isoglot.report.pages.run_data import translation_table
from isoglot.report.pages.run_data_sections import translation_sections
from isoglot.report.results.summary import RoundSummary, RunSummary, TranslationCounts


def row(what, tag, kept, likelihood=None, **lost):
    return TranslationCounts(
        what=what, language=tag, kept=kept, lost=lost, log_probability=likelihood
    )


def summary(*rounds):
    return RunSummary(
        rounds=[RoundSummary(round=i, translations=rows) for i, rows in enumerate(rounds)]
    )


SUMMARY = summary(
    [
        row("prompts", "de", 7, copied_source=2),
        row("prompts", "sw", 9, **{"<b>": 1}),
        row("answers", "sw", 5),
    ],
    [row("prompts", "de", 1, lost_number=3)],
)


def test_each_language_has_what_was_kept_and_every_reason():
    prompts, answers = translation_table(SUMMARY, "prompts"), translation_table(SUMMARY, "answers")
    assert [column.title for column in prompts.columns] == [
        "Language",
        "Kept",
        "Lost",
        "<b>",
        "copied source",
        "lost number",
    ]
    assert [(line.tag, list(line.cells)) for line in prompts.rows] == [
        ("de", [8, 5, 0, 2, 3]),
        ("sw", [9, 1, 1, 0, 0]),
    ]
    assert [list(line.cells) for line in answers.rows] == [[5, 0]]


def test_how_likely_they_were_is_shown_where_a_translator_said_it():
    likely = summary(
        [row("prompts", "de", 3, -0.5), row("prompts", "sw", 1, copied_source=1)],
        [row("prompts", "de", 1, -1.0)],
    )
    (section,) = translation_sections(likely)
    (table,) = section.tables
    assert table.columns[-1].title == "Log-probability"
    assert [line.cells[-1] for line in table.rows] == [-0.625, None]
    assert "−0.625" in table.to_html()
    assert "mean of a token" in section.caption
    assert not any("mean of a token" in each.caption for each in translation_sections(SUMMARY))


def test_page_and_console_show_them_and_reasons_are_no_markup():
    sections = translation_sections(SUMMARY)
    assert [section.title for section in sections] == [
        "Prompts kept and lost in translation",
        "Answers kept and lost in translation",
    ]
    html = sections[0].tables[0].to_html()
    assert "copied source" in html
    assert "<b></th>" not in html
    stream = StringIO()
    for section in sections:
        Console(file=stream, width=120).print(section.tables[0].to_rich())
    assert "Swahili" in stream.getvalue()
    assert {"lost", "number"} <= set(stream.getvalue().split())


def test_a_run_that_translates_nothing_has_no_table():
    assert translation_sections(RunSummary(rounds=[RoundSummary(round=0)])) == []
