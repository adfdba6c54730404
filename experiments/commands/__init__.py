"""One module per command: `EXAMPLE`, `add_arguments(parser)` and `run(options)`.

`run` returns the result for ``--json``, the text for people and, if not 0, the exit code.
Nothing but the standard library is imported at the top: it would slow down ``--help``.
"""
