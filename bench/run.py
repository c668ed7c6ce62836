"""`make bench`: load the provider and print our figures beside node-oidc-provider's."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # found from any folder, installed or not
    from bench.main import main

    sys.exit(main(sys.argv[1:]))
