"""MNIST for the peers: images and labels as numpy arrays, random ones where the files are missing.

What the numbers are does not change how long a step takes."""
import gzip
import pathlib

import numpy as np

MEAN, DEVIATION = 0.1307, 0.3081
COUNT = 60000


def read_idx(folder, name):
    path = pathlib.Path(folder) / name
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    rank = data[3]
    extents = np.frombuffer(data, ">u4", count=rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(extents)


def load(folder, split="train"):
    """uint8 images (N, 28, 28) and labels (N); `folder` None: random ones."""
    if folder is None:
        generator = np.random.default_rng(1)
        images = generator.integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)
        return images, generator.integers(0, 10, COUNT, dtype=np.uint8)
    return read_idx(folder, f"{split}-images-idx3-ubyte"), read_idx(folder, f"{split}-labels-idx1-ubyte")
