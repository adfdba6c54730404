"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from neuro.errors import InputError


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write `content` under a temporary name beside `path`, then rename it into place.

    Raises
    ------
    InputError
        The directory does not exist or cannot be written to.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        # mkstemp makes private files; give this one the permissions a plain open() would.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{target}: cannot be written: {reason}") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    return target


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a UTF-8 text file.

    Raises
    ------
    InputError
        The file is missing, unreadable or not text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a text file, got bytes that are not UTF-8") from None
    except ValueError as error:  # a name with a null character
        raise InputError(f"{path}: cannot be read: {error}") from None
