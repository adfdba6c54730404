"""The command line: parsing, dispatch and the way errors end.

Commands import what they need when they run: ``tardigrade --help`` needs no numpy.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import sys
from collections.abc import Sequence
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
        command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        command.set_defaults(run=module.run, parser=command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: done, and the answer is no (a verification failed). 2: bad input, said in one
    line. 130: interrupted.
    """
    parser = build_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _complain(getattr(options, "parser", parser), unknown)
    options.typed = list(sys.argv[1:] if arguments is None else arguments)
    if options.version:
        from experiments.manifest import tool_version

        print(f"tardigrade {tool_version()}")
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    try:
        result, text, code = _run(options)
        if options.json:
            print(json.dumps(result))
        elif text:
            print(text)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Refuse arguments that the command does not have, and guess what was meant."""
    known = [option for action in parser._actions for option in action.option_strings]
    close = difflib.get_close_matches(unknown[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    from neuro.errors import InputError

    try:
        result = options.run(options)
    except InputError as error:
        print(f"tardigrade {options.command}: error: {error}", file=sys.stderr)
        return None, "", _exit(2)
    except KeyboardInterrupt:
        print(f"tardigrade {options.command}: interrupted", file=sys.stderr)
        return None, "", _exit(130)
    return result if len(result) == 3 else (*result, 0)


def _exit(code: int) -> NoReturn:
    sys.stdout.flush()
    raise SystemExit(code)


if __name__ == "__main__":
    sys.exit(main())
