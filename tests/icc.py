"""Colour profiles of a few hundred bytes, by the ICC's specification (ICC.1:2010)."""

import struct

_WHITE = (0.9642, 1.0, 0.8249)  # D50, which every profile is relative to
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # its curve, which Display P3 has too
_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.15710, 0.06657, 0.78407),
}  # fmt: skip


def display_p3() -> bytes:
    colours = [(name, _xyz(value)) for name, value in _P3.items()]
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*_SRGB)
    return _profile(b"RGB ", b"mntr", b"XYZ ", *colours, *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")))


def linear_grey() -> bytes:
    return _profile(b"GRAY", b"mntr", b"XYZ ", (b"kTRC", b"curv\0\0\0\0" + struct.pack(">IHH", 1, 256, 0)))


def ink(cyan: tuple[int, int, int]) -> bytes:
    """CMYK in which cyan has this colour in CIELAB's bytes, whatever the other inks are, and its absence is white."""
    identity = b"".join(struct.pack(">i", 65536 * (row == column)) for row in range(3) for column in range(3))
    ramp = bytes(range(256))
    nodes = b"".join(bytes(cyan if node >= 8 else (255, 128, 128)) for node in range(16))  # cyan changes last
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + nodes + ramp * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", (b"A2B0", table), (b"A2B1", table))


def _profile(space: bytes, kind: bytes, connection: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    index, body, start = struct.pack(">I", len(tags) + 1), b"", 132 + 12 * (len(tags) + 1)
    for name, content in ((b"wtpt", _xyz(_WHITE)), *tags):
        index += name + struct.pack(">II", start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4x4s4s4s4s12x4s28x", start + len(body), b"\4\x30\0\0", kind, space, connection, b"acsp")
    return (head + _fixed(*_WHITE)).ljust(128, b"\0") + index + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
