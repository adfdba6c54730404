"""Files of run directories without what they tell of time, which differs from run to run."""

import csv
import io

from deap import tools

from evo import dump_state, load_state


def timeless(name, data):
    """What a file of a run directory holds, as bytes, but for the seconds that passed."""
    if name.endswith("history.csv"):
        rows = list(csv.DictReader(io.StringIO(data.decode())))
        return repr([_without_seconds(row) for row in rows]).encode()
    if name.endswith("state.npz"):
        state = load_state(data)
        history = tools.Logbook()
        for row in state.history:
            history.record(**_without_seconds(row))
        state.history, state.seconds = history, 0.0
        return dump_state(state)
    return data


def _without_seconds(row):
    return {column: v for column, v in row.items() if not column.startswith("seconds_")}
