"""The products of dense layers through OpenBLAS's cblas_sgemm, for tools/bench_peers --dense; serve.py
says how it is asked. The library's own variables choose its kernels (OPENBLAS_CORETYPE) and threads
(OPENBLAS_NUM_THREADS). Needs Python's standard library only."""
import argparse
import ctypes
import random

import serve

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def load(path):
    library = ctypes.CDLL(path)
    integer, number, address = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
    library.cblas_sgemm.argtypes = [integer] * 6 + [number, address, integer, address, integer,
                                                    number, address, integer]
    library.cblas_sgemm.restype = None
    for words in (library.openblas_get_config, library.openblas_get_corename):
        words.restype = ctypes.c_char_p
    return library


class Matrix:
    """Numbers from -0.5 to 0.5, at the start of a cache line."""
    LINE = 64
    some = (ctypes.c_float * 65536)(*(random.Random(1).random() - 0.5 for _ in range(65536)))

    def __init__(self, rows, columns):
        size = 4 * rows * columns
        self.memory = ctypes.create_string_buffer(size + self.LINE)
        start = ctypes.addressof(self.memory)
        self.address = start + -start % self.LINE
        for offset in range(0, size, ctypes.sizeof(self.some)):
            ctypes.memmove(self.address + offset, self.some, min(ctypes.sizeof(self.some), size - offset))


class Product:
    """A dense layer's, with x (batch, inputs), w (outputs, inputs) and g (batch, outputs)."""
    peak_bytes = None

    def __init__(self, library, batch, inputs, outputs, name):
        x, w, g = Matrix(batch, inputs), Matrix(outputs, inputs), Matrix(batch, outputs)
        result, rows, columns, depth, a, a_turned, b, b_turned = {
            "forward": (g, batch, outputs, inputs, x, PLAIN, w, TRANSPOSED),
            "grad_input": (x, batch, inputs, outputs, g, PLAIN, w, PLAIN),
            "grad_weight": (w, outputs, inputs, batch, g, TRANSPOSED, x, PLAIN)}[name]
        a_stride = rows if a_turned == TRANSPOSED else depth
        b_stride = depth if b_turned == TRANSPOSED else columns
        self.held = x, w, g
        self.result, self.extents = result, (rows, columns)
        self.call = lambda: library.cblas_sgemm(ROW_MAJOR, a_turned, b_turned, rows, columns, depth, 1.0, a.address,
                                                a_stride, b.address, b_stride, 0.0, result.address, columns)

    def run(self, steps):
        for _ in range(steps):
            self.call()
        return steps

    def loss(self):
        """Of a product: its first number."""
        return ctypes.cast(self.result.address, ctypes.POINTER(ctypes.c_float))[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--look", action="store_true", help="only say whether it is here, by the exit code")
    options = parser.parse_args()
    library = load(options.library)
    if options.look:
        return
    answers = serve.answers_to_parent()
    versions = {"OpenBLAS": library.openblas_get_config().decode().split()[1]}
    serve.serve(lambda *product: Product(library, *product), versions, answers,
                core=library.openblas_get_corename().decode())


if __name__ == "__main__":
    main()
