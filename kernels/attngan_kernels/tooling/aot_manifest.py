"""What a program without Python must know to launch a compiled kernel: arguments in order, grid, block, shared memory.

The argument list is Triton's: tuples (pointer, strides) flattened, compile-time constants left out, and two pointers
that Triton appends to every kernel for scratch memory, which ours never use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attngan_kernels.backends.triton.configs import OVER_KEYS

if TYPE_CHECKING:
    from attngan_kernels.tooling.compile_offline import Compiled, Resources

FORMAT_VERSION = 1
C_TYPES = {"i32": ("int32_t", "u32"), "i64": ("int64_t", "u64"), "fp32": ("float", "f32")}
POINTER = ("CUdeviceptr", "u64")
SCRATCH = ("global_scratch", "profile_scratch")
WRITES = {"live", "top_out", "inverse_out", "e_out", "delta_out", "rho_out"}

# The functions of the package: their kernels in the order of launch, on one stream.
PASSES = {
    "forward": ("live_keys", "forward"),
    "backward": ("live_keys", "backward_rows", "backward_keys"),
    "double-backward": ("live_keys", "pass_a", "pass_b", "pass_c", "pass_c_k", "pass_c_v"),
    "jvp": ("live_keys", "forward", "jvp"),
}
_ROW = ("[B, H, N_q]", "fp32")
TENSORS = {  # name: (shape, dtype or "" for the chosen one, what it is)
    "q": ("[B, H, N_q, D_k]", "", "queries"),
    "k": ("[B, H, N_k, D_k]", "", "keys"),
    "v": ("[B, H, N_k, D_v]", "", "values"),
    "bias": ("[B, H, N_k]", "fp32", "added to the scores of a key; -inf masks it; a stride may be 0"),
    "live": ("[B * H, 2]", "i32", "first key that the bias leaves and one past the last; live_keys writes it"),
    "out": ("[B, H, N_q, D_v]", "", "O, the result of forward"),
    "top": (*_ROW, "largest score of a row in base 2; forward writes it, keep it for the derivatives"),
    "inverse": (*_ROW, "1 / sum of a row's exponentials; forward writes it, keep it for the derivatives"),
    "dout": ("[B, H, N_q, D_v]", "", "dO, the gradient that arrives at O"),
    "delta": (*_ROW, "rowsum(O * dO); written and read within one pass"),
    "e": (*_ROW, "rowsum(P * T) of double backward; pass_a writes it, pass_b and pass_c read it"),
    "rho": (*_ROW, "row statistic of double backward; pass_a writes it, pass_b and pass_c read it"),
    "q_cotangent": ("[B, H, N_q, D_k]", "", "A: gradient that arrives at grad_q of backward; for jvp the tangent of q"),
    "k_cotangent": ("[B, H, N_k, D_k]", "", "B: gradient that arrives at grad_k of backward; for jvp the tangent of k"),
    "v_cotangent": ("[B, H, N_k, D_v]", "", "C: gradient that arrives at grad_v of backward; for jvp the tangent of v"),
    "bias_cotangent": ("[B, H, N_k]", "fp32", "beta: gradient that arrives at grad_bias; for jvp the bias's tangent"),
    "grad_q": ("[B, H, N_q, D_k]", "", "backward: gradient for q; double backward: its second-order gradient"),
    "grad_k": ("[B, H, N_k, D_k]", "", "as grad_q, for k"),
    "grad_v": ("[B, H, N_k, D_v]", "", "as grad_q, for v"),
    "grad_bias": ("[B, H, N_k]", "fp32", "as grad_q, for the bias; contiguous"),
    "grad_dout": ("[B, H, N_q, D_v]", "", "double backward: gradient for dO; jvp: derivative of O along the tangents"),
}
_STRIDES = {4: ("batch", "head", "row", "column"), 3: ("batch", "head", "row")}


def kernel_name(compiled: Compiled) -> str:
    """The kernel's name in file names: one kernel function serves several passes, told apart by what it leaves out."""
    absent = {name for name, type_ in compiled.kernel.src.signature.items() if type_ == "constexpr"}
    if compiled.name == "pass_c" and "grad_v" in absent:
        return "pass_c_k"
    if compiled.name == "pass_c" and "grad_k" in absent:
        return "pass_c_v"
    return "jvp" if compiled.name == "pass_a" and "dout" in absent else compiled.name


def arguments(compiled: Compiled) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The kernel's parameters in order, scratch pointers last, and the constants that were compiled in.

    `divisible_by`: the kernel assumes that much of the value (of a pointer: bytes, of a stride: elements).
    """
    source, listed, fixed = compiled.kernel.src, [], {}
    for index, (name, type_) in enumerate(source.signature.items()):
        is_tuple = isinstance(type_, tuple)
        names = _tuple_names(name, len(type_)) if is_tuple else [name]
        for part, (flat, flat_type) in enumerate(zip(names, type_ if is_tuple else [type_], strict=True)):
            at = (index, part) if is_tuple else (index,)
            if flat_type == "constexpr":
                fixed[flat] = source.constants.get(at)
            else:
                listed.append(_argument(flat, flat_type, compiled.name, dict(source.attrs.get(at, ()))))
    metadata = compiled.kernel.metadata
    for name in SCRATCH:
        size, align = getattr(metadata, f"{name}_size"), getattr(metadata, f"{name}_align")
        listed.append({"name": name, "type": POINTER[0], "ptx": POINTER[1], "role": "scratch", "divisible_by": align,
                       "bytes_per_program": size})  # fmt: skip
    return listed, fixed


def _tuple_names(name: str, length: int) -> list[str]:
    return [name, *(f"{name}_stride_{dim}" for dim in _STRIDES[length - 1])]


def _argument(name: str, type_: str, kernel: str, attributes: dict[str, int]) -> dict[str, Any]:
    c_type, ptx = POINTER if type_.startswith("*") else C_TYPES[type_]
    found: dict[str, Any] = {"name": name, "type": c_type, "ptx": ptx}
    if type_.startswith("*"):
        tensor = "out" if name == "out" else name.removesuffix("_out").removesuffix("_in")
        writes = name in WRITES and (name != "live" or kernel == "live_keys")
        writes = writes or name.startswith("grad_") or (name == "out" and kernel == "forward")
        found |= {"role": "writes" if writes else "reads", "tensor": tensor, "element": type_[1:]}
    else:
        found["role"] = "stride" if "_stride_" in name else "value"
    found["divisible_by"] = attributes.get("tt.divisibility", 1)
    return found


def grid(name: str, compiled: Compiled) -> dict[str, Any]:
    """The number of programs: x as a formula in the tensors' sizes, y = z = 1."""
    if compiled.config is None:
        return {"x": "B * H", "y": 1, "z": 1}
    over_keys = name in OVER_KEYS
    tile, length = (compiled.config.block_k, "N_k") if over_keys else (compiled.config.block_q, "N_q")
    return {"x": f"ceil({length} / {tile}) * B * H", "y": 1, "z": 1, "tile": tile, "tiles_over": length}


def entry(
    name: str, arch: str, compiled: Compiled, files: dict[str, dict[str, str]], used: Resources
) -> dict[str, Any]:
    """One kernel of the manifest."""
    metadata = compiled.kernel.metadata
    listed, fixed = arguments(compiled)
    return {
        "name": name,
        "arch": arch,
        "symbol": metadata.name,
        "files": files,
        "arguments": listed,
        "constants": fixed,
        "grid": grid(name, compiled),
        "block": {"x": 32 * metadata.num_warps, "y": 1, "z": 1},
        "shared_bytes": metadata.shared,
        "needs_max_dynamic_shared_attribute": metadata.shared > 48 * 1024,
        "warps": metadata.num_warps,
        "stages": metadata.num_stages,
        "registers": used.registers,
        "spilled_bytes": used.spilled,
    }


def tensors(names: set[str], dtype: str) -> dict[str, dict[str, str]]:
    """Shape, element type and meaning of every tensor that the kernels take."""
    return {
        name: {"shape": shape, "dtype": kind or dtype, "meaning": meaning}
        for name, (shape, kind, meaning) in TENSORS.items()
        if name in names
    }
