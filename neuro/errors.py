"""The one exception that means "the input is wrong", and how its line is built."""

from __future__ import annotations


class InputError(ValueError):
    """A bad argument or file: one line that says what, expected, got and where.

    The command line turns it into exit code 2 without a traceback; everything
    else that is raised is a defect of the program and keeps its traceback. Line breaks and
    other characters that do not print, which names in files may contain, are escaped.
    """

    def __init__(self, message: str) -> None:
        shown = (c if c.isprintable() else ascii(c)[1:-1] for c in message)
        super().__init__("".join(shown))


def wrong(what: str, expected: str, got: object) -> InputError:
    """Build the line every check uses, so that all of them read alike.

    Examples
    --------
    >>> print(wrong("synapses.delay[3]", "a whole number from 1 to 4096", 0))
    synapses.delay[3]: expected a whole number from 1 to 4096, got 0
    """
    shown = str(got) if isinstance(got, (str, int, float)) else repr(got)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return InputError(f"{what}: expected {expected}, got {shown or repr(got)}")
