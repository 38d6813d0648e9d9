"""Rows are split in their order by what fits, and padded to one width."""

from isoglot.models.batches import pad, split_batches


def test_rows_are_split_where_one_no_longer_fits():
    batches = split_batches([5, 1, 2, 9, 3, 3], lambda batch, row: sum(batch) + row <= 8)
    assert list(batches) == [[5, 1, 2], [9], [3, 3]]
    assert list(split_batches([], lambda batch, row: True)) == []  # noqa: ARG005


def test_a_row_is_filled_with_tokens_of_its_own():
    ids, mask = pad([[7, 8], [9, 10, 11]], left=True)
    assert ids.tolist() == [[7, 7, 8], [9, 10, 11]]
    assert mask.tolist() == [[0, 1, 1], [1, 1, 1]]


def test_a_row_is_filled_on_the_right_with_the_pad_token():
    ids, mask = pad([[7, 8], [9, 10, 11]], 0)
    assert ids.tolist() == [[7, 8, 0], [9, 10, 11]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
