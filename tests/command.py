"""The command line, run in this process."""

import json

from experiments.cli import main


def tardigrade(capsys, *arguments):
    """Run a command; return its exit code, stdout and stderr."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys, *arguments):
    """Run a command with --json that succeeds; return the object."""
    code, out, err = tardigrade(capsys, *arguments, "--json")
    assert (code, err) == (0, ""), err
    assert len(out.splitlines()) == 1  # nothing but the object
    return json.loads(out)
