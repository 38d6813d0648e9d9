"""Lines of a training log: merged, they are the means of all rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.train.log import means_by_language, merge_lines

ROWS = st.lists(
    st.tuples(st.sampled_from(["de", "sw"]), st.floats(-9, 9).map(lambda value: {"kl": value})),
    min_size=1,
)


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_merged_lines_are_the_line_of_all_rows(parts):
    lines = [
        {"step": step, "loss": float(step), "languages": means_by_language(rows)}
        for step, rows in enumerate(parts, 1)
    ]
    merged = merge_lines(lines)
    whole = means_by_language([row for rows in parts for row in rows])
    assert merged["step"] == len(parts)
    assert merged["loss"] == pytest.approx(sum(range(1, len(parts) + 1)) / len(parts))
    assert merged["languages"].keys() == whole.keys()
    for language, row in whole.items():
        assert merged["languages"][language]["kl"] == pytest.approx(row["kl"], abs=1e-9)


def test_a_value_that_no_row_has_stays_unknown():
    lines = [{"step": 1, "loss": 1.0, "languages": {"sw": {"reward": None, "n": 4}}}] * 2
    assert merge_lines(lines)["languages"] == {"sw": {"reward": None}}
