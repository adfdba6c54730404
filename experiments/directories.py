"""Directories for results: new ones only, nothing is ever overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from neuro.errors import InputError, wrong


def new_directory(path: Path) -> Path:
    """Make a directory, parents included; one that exists must be empty.

    Raises
    ------
    InputError
        It is a file, has files in it, or cannot be made or written.
    """
    try:
        if path.is_dir() and any(path.iterdir()):
            raise InputError(f"{path}: expected a new or empty directory, got one with files in it")
        if path.exists() and not path.is_dir():
            raise wrong(str(path), "a new or empty directory", "a file")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror or error}") from None
    if not os.access(path, os.W_OK):
        raise InputError(f"{path}: cannot be written: Permission denied")
    return path
