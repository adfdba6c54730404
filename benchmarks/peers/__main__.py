"""Time one peer in a process of its own and print the result as one line of JSON.

The last line on standard output has the nanoseconds per step of every repeat. Exit status 3
means that the peer, or something it needs, is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from benchmarks.peers import CLOSED_LOOP, EVALUATION, OPEN_LOOP, PEERS, NotInstalledError, Prepared
from benchmarks.peers.contract import ONE_THREAD

NOT_INSTALLED = 3


def read_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--peer", required=True, choices=list(PEERS))
    parser.add_argument("--what", default=OPEN_LOOP, choices=[OPEN_LOOP, CLOSED_LOOP, EVALUATION])
    parser.add_argument("--neurons", type=int, default=50)
    parser.add_argument("--ticks", type=int, default=1000, help="length of an open-loop run")
    parser.add_argument("--decisions", type=int, default=200, help="length of a closed-loop run")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    offered = PEERS[arguments.peer].entries
    if arguments.what not in offered:
        parser.error(f"{arguments.peer} offers {' and '.join(offered)}, not {arguments.what}")
    return arguments


def prepare(arguments: argparse.Namespace) -> Prepared:
    """Build what the arguments ask for."""
    peer = PEERS[arguments.peer]
    if arguments.what == OPEN_LOOP:
        from benchmarks.problems import random_problem

        return peer.prepare(OPEN_LOOP, random_problem(arguments.neurons, arguments.ticks))
    if arguments.what == CLOSED_LOOP:
        return peer.prepare(CLOSED_LOOP, arguments.neurons, arguments.decisions)
    return peer.prepare(EVALUATION)


def main() -> None:
    """Prepare, repeat, print."""
    arguments = read_arguments()
    peer = PEERS[arguments.peer]
    entry = peer.entries[arguments.what]
    os.environ.update(ONE_THREAD)  # before anything imports NumPy
    try:
        prepared = prepare(arguments)
    except NotInstalledError as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    seconds = [prepared.run() for _ in range(arguments.repeat)]
    result = {
        "peer": peer.name,
        "what": arguments.what,
        "neurons": arguments.neurons,
        "version": peer.version(),
        "settings": entry.settings,
        "unit": entry.unit,
        "steps": prepared.steps,
        "evaluations": prepared.evaluations,
        "ns": [1e9 * s / prepared.steps for s in seconds],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
