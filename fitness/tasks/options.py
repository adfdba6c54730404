"""Names of tasks that carry options: ``WHAT?option=value&option=value``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from neuro.errors import InputError


def split_options(text: str, name: str) -> tuple[str, dict[str, Any]]:
    """Split a name from its options; values become numbers or truth values where they are.

    Raises
    ------
    InputError
        Nothing before the question mark, an option without a value, or one given twice.

    Examples
    --------
    >>> split_options("Ant-v5?solved_at=6000&exclude=true&path=a.xml", "")
    ('Ant-v5', {'solved_at': 6000, 'exclude': True, 'path': 'a.xml'})
    """
    what, mark, rest = text.partition("?")
    if not what:
        raise InputError(f"{name}: expected a name after the colon, got none")
    try:
        pairs = parse_qsl(rest, keep_blank_values=True, strict_parsing=bool(mark))
        if mark and not (pairs and all(key and value for key, value in pairs)):
            raise ValueError
    except ValueError:
        raise InputError(f"{name}: expected ?option=value&..., got ?{rest}") from None
    options: dict[str, Any] = {}
    for key, value in pairs:
        if key in options:
            raise InputError(f"{name}: expected each option once, got {key} twice")
        options[key] = _value(value)
    return what, options


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
