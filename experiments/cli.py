"""The command line: parsing, dispatch and the way errors end.

Commands import what they need when they run: ``tardigrade --help`` needs no numpy.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

COMMANDS = {
    "tasks": "list the tasks networks can be evolved for",
    "evolve": "evolve networks for a task",
    "resume": "go on with an interrupted evolution",
    "evaluate": "measure a network on held-out episodes",
    "faults": "run a fault-injection campaign",
    "harden": "find out what to protect in a network, and what that gains",
    "export": "write a network for another simulator",
    "show": "summarise or draw a network or a run",
    "bench": "time this project beside its peers",
}

EXAMPLES = """examples:
  tardigrade evolve cartpole --seed 1 --out runs/first
  tardigrade evaluate runs/first/front/000.json --gymnasium
  tardigrade faults runs/first/front/000.json --model gaussian --out faults
  tardigrade export runs/first/front/000.json --to brian2 --out network.py --verify
"""


class _Parser(argparse.ArgumentParser):
    """Complains in one line instead of repeating the usage."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # No option looks like a number, but -1,0.5 is a value: so does Python 3.14 by itself.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser with all commands."""
    parser = _Parser(
        prog="tardigrade",
        description="Evolve spiking neural networks that are small and hard to kill.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"experiments.commands.{name}")
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n{module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print one JSON value on stdout")
        command.set_defaults(run=module.run, parser=command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: done, and the answer is no (a verification failed). 2: bad input, or an answer that
    cannot be written, said in one line. 130: interrupted.
    """
    who = "tardigrade"
    with _listening() as interrupted:
        try:
            options = _parse(arguments)
            if options.command is not None:
                who += f" {options.command}"
            text, code = _answer(options, who)
            _show(text, who)
            return code
        except KeyboardInterrupt:  # also of what is imported, which takes a second
            _end(f"{who}: interrupted", 130)
        except Exception:
            if interrupted():
                _end(f"{who}: interrupted", 130)
            raise


@contextmanager
def _listening() -> Iterator[Callable[[], bool]]:
    """Remember a Ctrl-C that the code it comes upon turns into something else.

    While kernels are compiled, LLVM calls Python: exceptions of such calls are printed and
    forgotten, and what was to be compiled is missing a moment later.
    """
    pressed = False

    def press(signum: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def forget(problem: Any) -> None:
        if not pressed:
            hook(problem)

    hook = sys.unraisablehook
    try:
        previous = signal.signal(signal.SIGINT, press)
    except ValueError:  # not in the main thread: nobody can press Ctrl-C here
        yield lambda: False
        return
    sys.unraisablehook = forget
    try:
        yield lambda: pressed
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, previous)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = build_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _complain(getattr(options, "parser", parser), unknown)
    options.typed = list(sys.argv[1:] if arguments is None else arguments)
    options.help = parser.format_help
    return options


def _complain(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Refuse arguments that the command does not have, and guess what was meant."""
    known = [option for action in parser._actions for option in action.option_strings]
    close = difflib.get_close_matches(unknown[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _answer(options: argparse.Namespace, who: str) -> tuple[str, int]:
    """Return what is to be printed, and the exit code."""
    if options.version:
        from experiments.manifest import tool_version

        return f"tardigrade {tool_version()}", 0
    if options.command is None:
        return options.help().rstrip(), 0
    from neuro.errors import InputError

    try:
        result, text, *code = options.run(options)
    except InputError as error:
        _end(f"{who}: error: {error}", 2)
    return json.dumps(result) if options.json else text, code[0] if code else 0


def _show(text: str, who: str) -> None:
    try:
        if text:
            print(text)
        sys.stdout.flush()
    except OSError as error:
        # Or what is left would be written, and fail once more, when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whose reader, such as `head`, has seen enough
            _end(f"{who}: error: stdout: cannot be written: {error.strerror or error}", 2)


def _end(line: str, code: int) -> NoReturn:
    print(line, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    sys.exit(main())
