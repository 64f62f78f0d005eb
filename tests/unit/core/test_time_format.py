"""Declared formats of times: which are valid, and what a wrong one should have been."""

from __future__ import annotations

import pytest

from airflow_mlops.core.time_format import check_time_format, digits_of, reads


@pytest.mark.parametrize(
    "form",
    [
        "iso",
        "epoch_s",
        "epoch_ns",
        "%d/%m/%Y",
        "%Y%m%d",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y",
        "%I:%M %p %d.%m.%y",
        "%Y%j",
    ],
)
def test_formats_that_can_be_declared(form: str) -> None:
    assert check_time_format(form) == form


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("dd.mm.yyyy", r"did you mean %d\.%m\.%Y\?"),
        ("YYYY-MM-DD HH:mm:ss", "did you mean %Y-%m-%d %H:%M:%S"),
        ("yyyymmdd", "did you mean %Y%m%d"),
        ("epoch_sec", "did you mean epoch_s"),
        ("unix", "must be written with directives"),
        ("", "must be written with directives"),
        ("%d.%m", "needs the year"),
        ("%Y-%Q", "%Q cannot be used"),
        ("%Y-%m-%d %Z", "%Z cannot be used"),
        ("%Y-%m-%", "% cannot be used"),
        ("%Y %Y", "must be readable by strptime"),
        ("%Y-%M-%d", "%M is the minute and needs the hour, %H; the month is %m"),
        ("%d/%m/%Y %I:%M", "%I is an hour from 1 to 12 and needs %p"),
        ("%d/%m/%Y %H:%M %p", "%p has an effect only beside %I"),
        ("%d/%m/%Y %H:%S", "%S is the second and needs the minute"),
        ("%d/%m/%Y %H:%M.%f", "%f is a part of a second and needs %S"),
        ("%d %Y", "%d is the day of a month and needs the month, %m"),
        ("%Y-%m %H:%M", "an hour needs the day, %d"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_with_what_was_meant(form: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_time_format(form)


def test_only_formats_of_digits_have_a_width() -> None:
    assert [digits_of(form) for form in ("%Y%m%d", "%y%j", "%Y-%m", "%b%Y", "iso", "%Y%m%d%%")] == [
        8, 5, None, None, None, None,
    ]  # fmt: skip


def test_digits_of_another_width_are_not_read() -> None:
    assert reads("20250131", "%Y%m%d")
    assert not reads("2025131", "%Y%m%d")
    assert digits_of("%Y%m%d%H%M%S") == 14
    assert not reads("1e9", "epoch_s")
