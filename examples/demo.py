"""`make demo`: the provider and three portals on this machine, with an invented population.

`python examples/demo.py` starts everything, `python examples/demo.py reset` throws the data away.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # found from any folder, installed or not
    from examples.launcher.main import main

    sys.exit(main(sys.argv[1:]))
