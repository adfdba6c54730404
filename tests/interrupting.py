"""Commands that are signalled while they work."""

import subprocess


def interrupt(command, number, reached, cwd=None):
    """Start a command in a process of its own, and send it a signal once `reached()` is true.

    Returns its exit code and what it wrote to stdout and stderr.
    """
    process = subprocess.Popen(
        command, text=True, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        while not reached():
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"ended early: {process.communicate()}")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err
