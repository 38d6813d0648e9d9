"""Finish reasons: whatever an API calls them, an answer is finished, cut off or failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.endings import read_ending

WORDS = {
    "stop": [
        *(
            None,
            "",
            "null",
            "unknown",
            "stop",
            "STOP",
            "eos",
            "eos_token",
            "EOS_FOUND",
            "matched_eos",
        ),
        *("end_turn", "endTurn", "stop_sequence", "COMPLETE", "endoftext", "FINISH", "done"),
        *("FinishReason.STOP", "FINISH_REASON_STOP", "FINISH_REASON_UNSPECIFIED", "success"),
        {"type": "stop", "matched": 2},
    ],
    "length": [
        *("length", "max_tokens", "MAX_TOKENS", "maxTokens", "model_length", "max_output_tokens"),
        *("FINISH_REASON_MAX_TOKENS", "token_limit", "time_limit", "model_context_window_exceeded"),
        *("context_length_exceeded", "incomplete", "not_finished", "stopped_limit", "truncated"),
        {"type": "length", "length": 20},
    ],
    "error": [
        *(
            "content_filter",
            "content_filtered",
            "contentFilter",
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
        ),
        *(
            "PROHIBITED_CONTENT",
            "SPII",
            "refusal",
            "guardrail_intervened",
            "tool_calls",
            "tool_use",
        ),
        *("function_call", "abort", "USER_CANCEL", "ERROR_TOXIC", "ERROR_LIMIT", "load", "OTHER"),
        *("insufficient_system_resource", "MALFORMED_FUNCTION_CALL", "error", "pause_turn"),
    ],
}


@pytest.mark.parametrize(
    ("reported", "reason"), [(word, reason) for reason, words in WORDS.items() for word in words]
)
def test_a_word_of_any_api_is_known(reported, reason):
    ending = read_ending(reported)
    assert (ending.reason, ending.is_known) == (reason, True)


@pytest.mark.parametrize("word", ["whatever", "gewöhnlich", "7", "full"])
def test_an_unknown_word_is_taken_as_finished_and_keeps_its_name(word):
    ending = read_ending(word)
    assert (ending.reason, ending.is_known) == ("stop", False)
    assert ending.word


@given(st.none() | st.booleans() | st.integers() | st.text())
def test_the_word_is_read_as_it_was_reported(reported):
    ending = read_ending(reported)
    assert read_ending(ending.word)[:2] == ending[:2] or ending.word == ""
