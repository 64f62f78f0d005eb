"""Where a text is not valid YAML, and what was probably meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import yaml

from airflow_mlops.config.faults import Mark

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKALIKES: Final = frozenset("：；，–—−‘’“”｛｝［］＝")  # what editors and chats put in
_INVISIBLE: Final = ("Cf", "Zs", "Zl", "Zp")
_LONGEST: Final = 1_000
_KEY: Final = re.compile(r":([ \t]|$)")
_NOWHERE: Final = "mapping values are not allowed in this context"


def place_and_reason(error: Exception, text: str) -> tuple[Mark, str]:
    """Return the place of a YAML error and its reason; an open quote is reported where it begins."""
    if isinstance(error, yaml.MarkedYAMLError):
        lines = text.splitlines()
        at = _mark(error, lines)
        line = lines[at.line - 1] if at.line <= len(lines) else ""
        return at, _reason(error, at, lines) + odd_characters(line)
    found = _UNPRINTABLE.search(text)
    if found is None:
        return Mark(), str(error).splitlines()[0]
    before = text[: found.start()]
    at = Mark(before.count("\n") + 1, found.start() - before.rfind("\n"))
    return at, f"the control character U+{ord(found[0]):04X} is not allowed: delete it"


def odd_characters(text: str) -> str:
    """Name the characters of a text that look like others or are invisible: `` (it has U+00A0 …)``."""
    shown = [
        f"U+{ord(char):04X} {unicodedata.name(char, 'unnamed')}"
        for char in dict.fromkeys(text[:_LONGEST])
        if not char.isascii() and (char in _LOOKALIKES or unicodedata.category(char) in _INVISIBLE)
    ]
    return f" (it has {', '.join(shown[:3])}: retype it)" if shown else ""


def _mark(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Mark:
    problem, context = str(error.problem), str(error.context)
    opened = "end of stream" in problem and "scalar" in context
    keyless = "simple key" in context
    mark = error.context_mark if opened or keyless else error.problem_mark or error.context_mark
    if mark is None:
        return Mark()
    at = Mark(mark.line + 1, mark.column + 1)
    return (_without_colon(at, lines) or at) if problem == _NOWHERE else at


def _without_colon(at: Mark, lines: Sequence[str]) -> Mark | None:
    """Return the line above that should have been a key, when that is the cause of the error."""
    if at.line > len(lines) or _KEY.search(lines[at.line - 1][: at.column - 1]):
        return None
    for number in range(at.line - 1, 0, -1):
        line = lines[number - 1]
        if line.strip() and not line.lstrip().startswith("#"):
            indent = len(line) - len(line.lstrip())
            level = len(lines[at.line - 1]) - len(lines[at.line - 1].lstrip())
            plain = _KEY.search(line) is None and not line.lstrip().startswith("- ")
            return Mark(number, indent + 1) if plain and indent == level else None
    return None


def _reason(error: yaml.MarkedYAMLError, at: Mark, lines: Sequence[str]) -> str:
    problem, context = str(error.problem), str(error.context)
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "end of stream" in problem and "scalar" in context:
        return "this quote is not closed"
    if re.match(r"(<{7}|={7}|>{7})(\s|$)", line):
        return "a merge conflict is not resolved"
    if "simple key" in context or (problem == _NOWHERE and not _KEY.search(line)):
        return "a key is missing: write `key: value`, with a colon and a space"
    if problem == _NOWHERE and not _KEY.search(line[: at.column - 1]):
        return f"{problem}: indent it like the key above, which already has a value"
    if "another document" in problem:
        return "a file must have one document, but a second one begins here"
    if problem == "found undefined alias":
        name = line[at.column - 1 :].split()[0].rstrip(",]}")[:40]
        return f"the anchor of {name} is not defined: write text in quotes"
    return f"{problem}{_hint(line, at)}{_began(error)}"


def _began(error: yaml.MarkedYAMLError) -> str:
    """Name the bracket that is still open on an earlier line."""
    begin, at = error.context_mark, error.problem_mark
    if begin is None or at is None or begin.line == at.line or "flow" not in str(error.context):
        return ""
    return f" (the bracket of line {begin.line + 1}, column {begin.column + 1} is still open)"


def _hint(line: str, at: Mark) -> str:
    """Return what is usually meant when YAML stops at ``at``."""
    before, rest = line[: at.column - 1], line[at.column - 1 :]
    if "\t" in line[: at.column + 1] and not before.strip():
        return ": indent with spaces, not tabs"
    if re.search(r"[:,{]\s*(>=?|<=?)\s*-?[\d.]*$", before) or re.match(r"([<>]=?|=)\s*-?\d", rest):
        return ": write a limit in quotes, as '>= 0.8'"
    if rest[:1] in "@%`" and rest:
        return f": write it in quotes, as '{rest.split(',')[0].rstrip('} ]')[:40]}'"
    if before[-1:] in ("*", "&", "|", "!"):
        return f": text that begins with {before[-1]} must be in quotes, as '{(before[-1] + rest)[:40]}'"
    if "{{" in line and "}}" in line:
        return ": write a template in quotes, as '{{ ds }}'"
    if re.match(r":\S", rest):
        return ": write a space after the colon"
    if _KEY.search(rest) and _KEY.search(before) and "'" not in before:
        return ": write text with a colon in quotes"
    return ""
