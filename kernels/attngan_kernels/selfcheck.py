"""Checks a backend on the device at hand against float64; `tooling.selfcheck_errors` says what is allowed.

python -m attngan_kernels.selfcheck [--device cuda] [--backend triton] [--quick] [--out FOLDER]
"""

from __future__ import annotations

import sys

from attngan_kernels.tooling.selfcheck_command import main

if __name__ == "__main__":
    sys.exit(main())
