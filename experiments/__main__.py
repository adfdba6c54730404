"""``python -m experiments`` is ``tardigrade``."""

import sys

from experiments.cli import main

sys.exit(main())
