"""Where two long texts begin to differ is found without copying them."""

from __future__ import annotations

import pytest

from sagaz_tui.widgets.diff_lines import common_length


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 8192, 9_000])
def test_the_common_beginning_of_two_texts_is_as_long_as_it_is(length: int) -> None:
    same = "語a" * (length // 2) + "b" * (length % 2)
    for before, after in (("", ""), ("x", "y"), ("", "y"), ("xy", "xz"), ("x" * 5_000, "x")):
        expected = length + {"xy": 1, "x" * 5_000: 1}.get(before, 0)
        assert common_length(same + before, same + after) == expected
        assert common_length(same + after, same + before) == expected
