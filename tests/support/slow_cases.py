"""Cases of a test of which `make test` runs one, and `make test-rest` the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_is_slow(cases: Iterable[Any]) -> list[Any]:
    """Mark all cases but the first as slow; tuples are the values of several arguments."""
    first, *others = cases
    return [first, *(_slow(case) for case in others)]


def _slow(case: Any) -> Any:  # noqa: ANN401 - a case is of any type
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
