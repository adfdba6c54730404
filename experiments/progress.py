"""A progress line on a terminal; silence everywhere else."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Rewrites one line on stderr, at most ten times a second.

    Parameters
    ----------
    total : int
        Amount of work; `update` is told how much of it is done.
    stream : TextIO, optional
        stderr if left out. Nothing is written unless it is a terminal.
    done : int
        What was done before, and took none of the time since.
    """

    def __init__(self, total: int, stream: TextIO | None = None, *, done: int = 0) -> None:
        self._stream = stream or sys.stderr
        self._active = self._stream.isatty()
        self._total = total
        self._begun = time.monotonic()
        self._shown = 0.0
        self._width = 0
        self._before = self._done = done

    def __enter__(self) -> Progress:
        """Say why nothing may happen for a while."""
        self.update(self._done, "beginning; kernels are compiled on first use, half a minute")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, done: int, text: str) -> None:
        """Show `text` with percentage and estimated time to go."""
        now = time.monotonic()
        if not self._active or (now - self._shown < 0.1 and done < self._total):
            return
        self._shown = now
        share = min(1.0, done / self._total) if self._total else 1.0
        line = f"{share:4.0%}  {text}"
        if done > self._before:
            left = (now - self._begun) * max(0, self._total - done) / (done - self._before)
            line += f"  ETA {duration(left)}"
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def advance(self, amount: int, text: str) -> None:
        """Like `update`, counting up."""
        self._done += amount
        self.update(self._done, text)

    def close(self) -> None:
        """Wipe the line."""
        if self._active and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def duration(seconds: float) -> str:
    """Write a time span for people.

    Examples
    --------
    >>> [duration(s) for s in (3.21, 75, 7500)]
    ['3.2 s', '1:15', '2:05:00']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
