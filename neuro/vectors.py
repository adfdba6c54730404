"""Numbers side by side: the vector type that the kernels compute with.

A *vector* holds as many float64 as a *mask* type has bits: 8 with ``np.uint8``, 32 with
``np.uint32``. It lives in registers (eight numbers fill one on AVX-512; other processors get the
same result from more instructions), only between `load` and `store`. Explicit vectors, because
the compiler turns a loop over lanes into vector code only behind run-time checks that the arrays
do not overlap, and those cost more than the loop. Together with spikes as bits, vectors made a tick
of 32 lanes some three times faster.

Arithmetic is IEEE 754 without fusing or reordering, number by number, hence equal to the scalar
twin's. Outside of compiled code (and with ``NUMBA_DISABLE_JIT=1``) a vector is an ndarray.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model
from numba.np.arrayobj import populate_array

if numba.config.DISABLE_JIT:

    def load(array, index, lanes):
        """Read the numbers at ``array[index:]``, as many as the type of `lanes` has bits."""
        return array[index : index + 8 * lanes.itemsize].copy()

    def store(array, index, vector):
        """Write a vector to ``array[index:]``."""
        array[index : index + len(vector)] = vector

    def spread(value, lanes):
        """Make a vector of equal numbers."""
        return np.full(8 * lanes.itemsize, value, dtype=np.float64)

    def at_least(a, b):
        """Compare two vectors: a mask with bit i set where ``a[i] >= b[i]``."""
        return _mask(a >= b)

    def choose(mask, a, b):
        """Take the numbers of `a` where the mask's bit is set, else those of `b`."""
        bits = np.uint64(mask) >> np.arange(len(a), dtype=np.uint64) & np.uint64(1)
        return np.where(bits != 0, a, b)

    def has_bit(words, index, bit, lanes):
        """Look at one bit of the words at ``words[index:]``; a mask of where it is set."""
        taken = words[index : index + 8 * lanes.itemsize]
        return _mask((taken >> np.uint64(bit)) & np.uint64(1) != 0)

    def lowest_bit(mask):
        """Return the position of the lowest bit that is set; the mask is not 0."""
        return (int(mask) & -int(mask)).bit_length() - 1

    def borrow(arrays):
        """Return the same tuple of arrays without counting references to them.

        Counting is two atomic operations for each array whenever a function is called: without
        it, closed loops take half the time. The owner must outlive what was borrowed, so borrow
        only arguments, which the caller owns.
        """
        return arrays

    def row_of(matrix, index):
        """Borrow a row of a C-ordered matrix."""
        return matrix[index]

    _lock = threading.Lock()

    def claim(counter):
        """Take the next number from ``counter[0]``; no two threads get the same one."""
        with _lock:
            counter[0] += 1
            return int(counter[0]) - 1

    def _mask(where):
        return np.packbits(where, bitorder="little").view(f"<u{len(where) // 8}")[0]

else:

    class Vector(types.Type):
        """Numba's type of a vector of `width` float64."""

        def __init__(self, width: int) -> None:
            self.width = width
            super().__init__(name=f"vector({width})")

    @register_model(Vector)
    class _VectorModel(models.PrimitiveModel):
        def __init__(self, manager: Any, vector: Any) -> None:
            super().__init__(manager, vector, ir.VectorType(ir.DoubleType(), vector.width))

    def _pointer(context, builder, array_type, array, index, element, width):
        """Point at `width` elements; the arrays promise no more than their own alignment."""
        data = context.make_array(array_type)(context, builder, array).data
        vector = ir.VectorType(element, width)
        return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

    def _repeat(builder, value, width):
        """Copy one value to all places of a vector."""
        vector = ir.VectorType(value.type, width)
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), places)

    def _to_bits(builder, where, width):
        return builder.bitcast(where, ir.IntType(width))

    def _mask_type(width):
        return getattr(types, f"uint{width}")

    @intrinsic
    def load(typing, array, index, lanes):
        width = lanes.bitwidth

        def build(context, builder, signature, arguments):
            pointer = _pointer(
                context, builder, array, arguments[0], arguments[1], ir.DoubleType(), width
            )
            loaded = builder.load(pointer)
            loaded.align = 8
            return loaded

        return Vector(width)(array, types.intp, lanes), build

    @intrinsic
    def store(typing, array, index, vector):
        def build(context, builder, signature, arguments):
            pointer = _pointer(
                context, builder, array, arguments[0], arguments[1], ir.DoubleType(), vector.width
            )
            builder.store(arguments[2], pointer).align = 8
            return context.get_dummy_value()

        return types.void(array, types.intp, vector), build

    @intrinsic
    def spread(typing, value, lanes):
        def build(context, builder, signature, arguments):
            return _repeat(builder, arguments[0], lanes.bitwidth)

        return Vector(lanes.bitwidth)(types.float64, lanes), build

    @intrinsic
    def at_least(typing, a, b):
        def build(context, builder, signature, arguments):
            return _to_bits(builder, builder.fcmp_ordered(">=", *arguments), a.width)

        return _mask_type(a.width)(a, b), build

    @intrinsic
    def choose(typing, mask, a, b):
        def build(context, builder, signature, arguments):
            where = builder.bitcast(arguments[0], ir.VectorType(ir.IntType(1), a.width))
            return builder.select(where, arguments[1], arguments[2])

        return a(_mask_type(a.width), a, b), build

    @intrinsic
    def has_bit(typing, words, index, bit, lanes):
        width = lanes.bitwidth

        def build(context, builder, signature, arguments):
            word = ir.IntType(64)
            pointer = _pointer(context, builder, words, arguments[0], arguments[1], word, width)
            loaded = builder.load(pointer)
            loaded.align = 8
            one = _repeat(builder, builder.shl(word(1), arguments[2]), width)
            zero = _repeat(builder, word(0), width)
            found = builder.icmp_unsigned("!=", builder.and_(loaded, one), zero)
            return _to_bits(builder, found, width)

        return _mask_type(width)(words, types.intp, types.int64, lanes), build

    @intrinsic
    def lowest_bit(typing, mask):
        def build(context, builder, signature, arguments):
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.uint64(types.uint64), build

    @intrinsic
    def claim(typing, counter):
        def build(context, builder, signature, arguments):
            data = context.make_array(counter)(context, builder, arguments[0]).data
            return builder.atomic_rmw("add", data, ir.IntType(64)(1), "monotonic")

        return types.int64(counter), build

    @intrinsic
    def borrow(typing, arrays):
        def build(context, builder, signature, arguments):
            same = arguments[0]
            for i, member in enumerate(arrays):
                if isinstance(member, types.Array):
                    value = builder.extract_value(same, i)
                    array = context.make_array(member)(context, builder, value)
                    array.meminfo = ir.Constant(ir.IntType(8).as_pointer(), None)
                    same = builder.insert_value(same, array._getvalue(), i)
            return same

        return arrays(arrays), build

    @intrinsic
    def row_of(typing, matrix, index):
        row_type = types.Array(matrix.dtype, 1, "C")

        def build(context, builder, signature, arguments):
            source = context.make_array(matrix)(context, builder, arguments[0])
            columns = builder.extract_value(source.shape, 1)
            row = context.make_array(row_type)(context, builder)
            nothing = ir.Constant(ir.IntType(8).as_pointer(), None)
            populate_array(
                row,
                data=builder.gep(source.data, [builder.mul(arguments[1], columns)]),
                shape=[columns],
                strides=[source.itemsize],
                itemsize=source.itemsize,
                meminfo=nothing,
            )
            return row._getvalue()

        return row_type(matrix, types.intp), build

    def _arithmetic(operation: Callable[..., Any], instruction: str) -> None:
        """Give two vectors an operator."""

        @intrinsic
        def compute(typing, a, b):
            def build(context, builder, signature, arguments):
                return getattr(builder, instruction)(*arguments)

            return a(a, b), build

        @overload(operation, inline="always")
        def choose_vectors(a, b):
            if isinstance(a, Vector) and a == b:
                return lambda a, b: compute(a, b)
            return None

    _arithmetic(operator.add, "fadd")
    _arithmetic(operator.sub, "fsub")
    _arithmetic(operator.mul, "fmul")
