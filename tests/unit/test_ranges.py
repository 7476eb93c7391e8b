"""Arguments of closed forms: which signs they may have, and one shape."""

from __future__ import annotations

import numpy as np
import pytest

from opendicke.errors import InputError
from opendicke.physics.ranges import positive_arrays


def test_signs_are_told_not_guessed_from_names() -> None:
    """Whatever it is called: negative where it is said, and nowhere else."""
    given, other = positive_arrays(("detuning",), detuning=[-1.0, 2.0], field=3.0)
    np.testing.assert_array_equal(given, [-1.0, 2.0])
    np.testing.assert_array_equal(other, [3.0, 3.0])
    with pytest.raises(InputError, match=r"^Argument `field` must be positive, but was -3\.$"):
        positive_arrays(field=-3.0)
    with pytest.raises(InputError, match=r"`detuning` must not be zero, but entry \(1,\) was 0\."):
        positive_arrays(("detuning",), detuning=[1.0, 0.0])
