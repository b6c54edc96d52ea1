"""Checks a backend on the device at hand against float64: outputs and every gradient of two orders, and forward mode.

    python -m attngan_kernels.selfcheck [--device cuda] [--backend triton] [--quick] [--out FOLDER]

Every error must be at most twice that of the written-out form in the same dtype, or 4 eps of the tensor's scale.
Errors and scales are root mean squares: the largest of a few hundred rounding errors is a coin toss.
"""

from __future__ import annotations

import sys

from attngan_kernels.tooling.selfcheck_command import main

if __name__ == "__main__":
    sys.exit(main())
