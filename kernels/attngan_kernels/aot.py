"""Ahead-of-time compilation: cubins, PTX and a manifest for programs that launch the kernels without Python.

    python -m attngan_kernels.aot --arch sm_80 sm_90 --head-dim 64 --dtype bf16 -o DIR

needs Triton and no GPU. manifest.json says for each kernel how cuLaunchKernel takes it: symbol, arguments in order
with their C types, grid, block, dynamic shared memory (above 48 KiB first raise
CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES), and for each pass the kernels in order of launch on one stream.
Lengths, batch, heads, scale and strides are run-time arguments. The last stride of every tensor is 1; what else was
assumed is `divisible_by`, and contiguous tensors fulfil it at any length. Strides are 32-bit. A cubin runs on cards of
its own major compute capability with the same or a higher minor one (from sm_90 on, which is sm_90a: on that
architecture alone); PTX of sm_80 is compiled by the driver for any later card.
"""

from __future__ import annotations

import sys

from attngan_kernels.tooling.aot_command import main

if __name__ == "__main__":
    sys.exit(main())
