"""A date stays a date, an instant an instant: what the engine is told for what a user may write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from trading_data_market.errors import InvalidRequestError
from trading_data_market.times import to_text

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("2023-12-31", "2023-12-31"),
        ("as it is", "as it is"),  # the engine judges texts, so that every door says the same
        (date(2023, 12, 31), "2023-12-31"),
        (datetime(2023, 12, 31), "2023-12-31T00:00:00+00:00"),
        (datetime(2023, 12, 31, 5, 30, tzinfo=INDIA), "2023-12-31T00:00:00+00:00"),
        (datetime(2023, 12, 31, 1, 2, 3, 456, tzinfo=UTC), "2023-12-31T01:02:03.000456+00:00"),
        (pd.Timestamp("2023-12-31"), "2023-12-31T00:00:00+00:00"),
        (pd.Timestamp("2023-12-31 12:00", tz="Europe/Berlin"), "2023-12-31T11:00:00+00:00"),
        (pd.Timestamp("2023-12-31 00:00:00.000000001"), "2023-12-31T00:00:00.000000001+00:00"),
        (np.datetime64("2023-12-31"), "2023-12-31"),
        (np.datetime64("2023-12"), "2023-12"),
        (np.datetime64("2023"), "2023"),
        (np.datetime64("2023-12-31T05", "h"), "2023-12-31T05:00"),
        (np.datetime64("2023-12-31T05:06"), "2023-12-31T05:06"),
        (np.datetime64("2023-12-31", "ns"), "2023-12-31T00:00:00.000000000"),
        (1_704_067_200_000, "1704067200000"),
        (np.int64(1_704_067_200_000), "1704067200000"),
        (-1, "-1"),
    ],
)
def test_what_the_engine_is_told(value: Any, text: str | None) -> None:
    assert to_text(value, "start_date") == text


@pytest.mark.parametrize(
    "value", [1.5, True, object(), [], b"2023", pd.NaT, np.datetime64("NaT"), np.float64(1e12), timedelta(1)]
)
def test_other_kinds_are_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="end_date") as caught:
        to_text(value, "end_date")
    assert caught.value.parameter == "end_date"
    assert caught.value.code == "invalid_argument"
