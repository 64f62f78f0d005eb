"""Declared formats of times: which are valid, and what a wrong one should have been."""

from __future__ import annotations

import pytest

from airflow_mlops.core.time_format import EPOCHS, check_time_format, digits_of, reads


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


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("%Y-%m-%d %M", "%M is the minute and needs the hour, %H; the month is %m"),
        ("%Y-%m-%d %I", "%I is an hour from 1 to 12 and needs %p; an hour from 0 to 23 is %H"),
        ("%Y-%m-%d %H %p", "%p has an effect only beside %I, an hour from 1 to 12"),
        ("%Y-%m-%d %H %S", "%S is the second and needs the minute, %M"),
        ("%Y-%m-%d %H:%M.%f", "%f is a part of a second and needs %S"),
        ("%Y %d", "%d is the day of a month and needs the month, %m"),
        ("%Y-%m %H", "an hour needs the day, %d"),
        ("%Y-%m %I %p", "an hour needs the day, %d"),
    ],
)
def test_a_format_that_is_not_complete_says_what_it_needs(form: str, reason: str) -> None:
    with pytest.raises(ValueError, match="must be complete") as caught:
        check_time_format(form)
    assert str(caught.value) == f"a time format must be complete, got {form!r}: {reason}"


def test_the_directives_that_are_known_are_listed() -> None:
    known = "%Y %y %m %d %H %I %M %S %f %p %z %b %B %a %A %j"
    with pytest.raises(ValueError, match="cannot be used") as caught:
        check_time_format("%Y%Q")
    listed = str(caught.value).partition("; known: ")[2]
    assert sorted(listed.split(" ")) == sorted(known.split(" "))


def test_a_percent_sign_may_be_written_twice() -> None:
    assert check_time_format("%Y%%") == "%Y%%"
    assert reads("2025%", "%Y%%")


def test_counts_since_1970_have_their_units() -> None:
    assert dict(EPOCHS) == {
        "epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "form", "is_read"),
    [
        ("1738303200", "epoch_s", True),
        ("-1.5", "epoch_s", True),
        ("7.", "epoch_ms", True),
        ("1" * 18, "epoch_ns", True),
        ("1" * 19, "epoch_ns", False),
        ("", "epoch_s", False),
        ("12a", "epoch_s", False),
        ("31.01.2025", "%d.%m.%Y", True),
        ("31.13.2025", "%d.%m.%Y", False),
        ("2025013", "%Y%m%d", False),
    ],
)
def test_a_value_is_read_or_not(text: str, form: str, *, is_read: bool) -> None:
    assert reads(text, form) is is_read


@pytest.mark.parametrize(
    ("letters", "meant"),
    [
        ("dd.mm.yy hh:mi", ""),
        ("dd.mm.yyyy hh:mi:ss", "%d.%m.%Y %H:%M:%S"),
        ("hh:mm dd.mm.yyyy", "%H:%M %d.%m.%Y"),
        ("yyyymmddhhmmss", "%Y%m%d%H%M%S"),
        ("yyyy week", ""),
    ],
)
def test_letters_are_read_as_directives_where_all_of_them_are_known(letters: str, meant: str) -> None:
    with pytest.raises(ValueError, match="must be written with directives") as caught:
        check_time_format(letters)
    assert (f"(did you mean {meant}?)" in str(caught.value)) is bool(meant)
    assert ("%H" in str(caught.value)) is bool(meant)
