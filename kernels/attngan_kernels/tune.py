"""The offline tuner: writes the table of configurations that the kernels look their tiles up in.

    python -m attngan_kernels.tune --out FOLDER [--seconds 600]               times the card at hand
    python -m attngan_kernels.tune --out FOLDER --offline --card 8.0 9.0 any  by the compiler's figures, without a GPU

FOLDER/triton_configs.json is the table in use with the new entries in place of the old ones, FOLDER/tuning.json every
trial. ATTNGAN_KERNELS_TUNED=FOLDER/triton_configs.json makes the kernels use it. The most important cases come first;
what time doesn't suffice for keeps its entry.
"""

from __future__ import annotations

import sys

from attngan_kernels.tooling.tune_command import main

if __name__ == "__main__":
    sys.exit(main())
