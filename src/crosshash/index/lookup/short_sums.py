"""Sums over 32 or 64 codes at once: four bits of a code choose one of 16 numbers that stand in a register.

The processor has an instruction that looks up as many in one step, `vpshufb` of AVX2 and AVX-512 (André,
Kermarrec, Le Scouarnec: Cache locality is not enough, VLDB 2015). Compilers do not find it in loops, so it
is named here, in LLVM's terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

FEATURES = [] if config.DISABLE_JIT else cpu_target.target_context.codegen().magic_tuple()[2].split(",")
"""Of the processor that numba compiles for; none where it is told not to compile."""
WIDE = "+avx512bw" in FEATURES
LANES = 64 if WIDE else 32  # codes of a block
LOOK_UP = f"llvm.x86.avx{'512.pshuf.b.512' if WIDE else '2.pshuf.b'}"
ADD = f"llvm.uadd.sat.v{LANES}i8"
TOGETHER = 4  # queries that share the look at a block
AHEAD = 4096  # bytes that are fetched before they are looked at; the processor's own guess comes later
BYTE, WORD, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
MASK = ir.IntType(LANES)
BYTES, PAIRS = ir.VectorType(BYTE, LANES), ir.VectorType(ir.IntType(16), LANES // 2)
TABLE = ir.VectorType(BYTE, 16)
OF_TWO = ir.FunctionType(BYTES, [BYTES, BYTES])
FETCH = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), WORD, WORD, WORD])
BOTH_HALVES = ir.Constant(ir.VectorType(WORD, LANES), [lane % 16 for lane in range(LANES)])
EVERYWHERE = ir.Constant(ir.VectorType(WORD, LANES), [0] * LANES)
MASK_TYPE = np.uint64 if WIDE else np.uint32
Mask = types.uint64 if WIDE else types.uint32
Bits = np.unsignedinteger[Any]
Address = int | np.unsignedinteger[Any]


def _compared_with(queries: int) -> Callable[..., Any]:
    """Make the function for so many queries."""
    signature = Mask(*[types.uintp, types.intp] * 2, types.uintp, types.uintp)

    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> Any:  # noqa: ANN401
        return _generate(builder, queries, *arguments)

    def typed(_context: object, block: object, width: object, tables: object, stride: object,
              limits: object, masks: object) -> tuple[Any, Any]:  # fmt: skip
        return signature, generate

    return cast("Callable[..., Any]", intrinsic(typed))


def _generate(builder: Any, queries: int, *arguments: Any) -> Any:  # noqa: ANN401 - llvmlite has no types
    """Write the loop over the bytes of the codes, then the comparison with the limits."""
    block, width, tables, stride, limits, masks = arguments
    codes, numbers = (builder.inttoptr(address, BYTE.as_pointer()) for address in (block, tables))
    before, loop, end = builder.block, *(builder.append_basic_block(name) for name in ("bytes", "compare"))
    builder.branch(loop)
    builder.position_at_end(loop)
    byte = builder.phi(LONG)
    byte.add_incoming(LONG(0), before)
    sums = [builder.phi(BYTES) for _ in range(queries)]
    low, high = _halves(builder, codes, byte)
    for query, total in enumerate(sums):
        total.add_incoming(ir.Constant(BYTES, None), before)
        first = builder.add(builder.mul(stride, LONG(query)), builder.mul(byte, LONG(32)))
        added = _added(builder, total, numbers, first, low)
        sums[query] = _added(builder, added, numbers, builder.add(first, LONG(16)), high)
        total.add_incoming(sums[query], loop)
    following = builder.add(byte, LONG(1))
    byte.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, width), loop, end)
    builder.position_at_end(end)
    return _compare(builder, sums, limits, masks)


def _halves(builder: Any, codes: Any, byte: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Load one byte of each code, and take its lower and its upper four bits."""
    place = builder.gep(codes, [builder.mul(byte, LONG(LANES))])
    ahead = builder.gep(place, [LONG(AHEAD)])
    builder.call(_function(builder, "llvm.prefetch.p0", FETCH), [ahead, WORD(0), WORD(3), WORD(1)])
    found = builder.load(builder.bitcast(place, BYTES.as_pointer()), align=1)
    mask = ir.Constant(BYTES, [15] * LANES)
    shifted = builder.lshr(builder.bitcast(found, PAIRS), ir.Constant(PAIRS, [4] * (LANES // 2)))
    return builder.and_(found, mask), builder.and_(builder.bitcast(shifted, BYTES), mask)


def _added(builder: Any, total: Any, numbers: Any, place: Any, chosen: Any) -> Any:  # noqa: ANN401
    """Add to each code's sum the number that its four bits choose; 255 stays 255."""
    table = builder.load(builder.bitcast(builder.gep(numbers, [place]), TABLE.as_pointer()), align=1)
    table = builder.shuffle_vector(table, table, BOTH_HALVES)
    looked_up = builder.call(_function(builder, LOOK_UP, OF_TWO), [table, chosen])
    return builder.call(_function(builder, ADD, OF_TWO), [total, looked_up])


def _function(builder: Any, name: str, kind: Any) -> Any:  # noqa: ANN401
    """Name one of LLVM's functions, each of them an instruction."""
    return builder.module.globals.get(name) or ir.Function(builder.module, kind, name=name)


def _compare(builder: Any, sums: list[Any], limits: Any, masks: Any) -> Any:  # noqa: ANN401
    """Write for each query a bit per code whose sum is below the limit; give all of them together."""
    limit, mask = builder.inttoptr(limits, BYTE.as_pointer()), builder.inttoptr(masks, MASK.as_pointer())
    every = MASK(0)
    for query, total in enumerate(sums):
        one = builder.load(builder.gep(limit, [LONG(query)]))
        one = builder.insert_element(ir.Constant(BYTES, ir.Undefined), one, WORD(0))
        wide = builder.shuffle_vector(one, one, EVERYWHERE)
        found = builder.bitcast(builder.icmp_unsigned("<", total, wide), MASK)
        builder.store(found, builder.gep(mask, [LONG(query)]))
        every = builder.or_(every, found)
    return every


below_limit: Callable[[Address, int, Address, int, Address, Address], Bits] = _compared_with(1)
"""Compare the codes of a block, uint8[W, LANES], with a query: block, W, tables, 0, limits, masks by address.

tables: uint8[2 W, 16], what four bits of a code add; lower four of a byte first. masks Mask[1]: a bit for
each code whose sum, 255 at most, is below the limit uint8[1]. Gives the mask as well.
"""

below_limits: Callable[[Address, int, Address, int, Address, Address], Bits] = _compared_with(TOGETHER)
"""The same for four queries; the tables of each start `stride` bytes behind those of the one before.

Gives the bits of all four masks in one.
"""


def _lowest(_context: object, _word: object) -> tuple[Any, Any]:
    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return Mask(Mask), generate


lowest_bit = cast("Callable[[np.unsignedinteger[Any]], int]", intrinsic(_lowest))
"""The number of the lowest bit of a mask that is set; of 0 it is not defined."""
