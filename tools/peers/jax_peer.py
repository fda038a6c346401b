"""JAX's training step, for tools/bench_peers; serve.py says how it is asked.

scan: one jit holds an epoch of steps as a scan over batches that lie ready on the device: XLA then
launches nothing from Python between steps. jit: one jit is one step, on a batch that stays the same,
and writes the weights in place. tf32 is JAX's default precision on a GPU, fp32 the precision
'highest', bf16 casts weights and images on the way into the net (float32 master weights)."""
import argparse
import os

import serve

answers = serve.answers_to_parent()
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # before JAX looks

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

import mnist  # noqa: E402

BETA1, BETA2, EPSILON, RATE = 0.7, 0.9, 1e-8, 1e-3


def initial_weights(model, width):
    generator = np.random.default_rng(0)

    def uniform(*shape, fan_in):
        return jnp.asarray(generator.uniform(-1, 1, shape) / np.sqrt(fan_in), jnp.float32)

    if model == "mlp":
        sizes = [784, width or 512, width or 256, 10]
        layers = [(uniform(i, o, fan_in=i), jnp.zeros(o)) for i, o in zip(sizes, sizes[1:])]
        return [array for layer in layers for array in layer]
    return [uniform(5, 5, 1, 24, fan_in=25), jnp.zeros(24), uniform(3, 3, 24, 32, fan_in=216),
            jnp.zeros(32), uniform(800, 256, fan_in=800), jnp.zeros(256),
            uniform(256, 10, fan_in=256), jnp.zeros(10)]


def logits_of(weights, x, dtype):
    weights, x = [w.astype(dtype) for w in weights], x.astype(dtype)

    def stage(x, w, b):
        y = lax.conv_general_dilated(x, w, (1, 1), "VALID",
                                     dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        return jax.nn.relu(lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"))

    layers = list(zip(weights[::2], weights[1::2]))
    while layers[0][0].ndim == 4:
        x = stage(x, *layers.pop(0))
    x = x.reshape(x.shape[0], -1)
    for w, b in layers[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = layers[-1]
    return (x @ w + b).astype(jnp.float32)


def loss_of(weights, x, y, dtype):
    logs = jax.nn.log_softmax(logits_of(weights, x, dtype))
    return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()


def adam(weights, gradients, state):
    """Kingma and Ba's algorithm 1."""
    count, means, squares = state
    count = count + 1
    t = count.astype(jnp.float32)
    means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients)]
    squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, gradients)]
    correct1, correct2 = 1 - BETA1**t, 1 - BETA2**t
    weights = [w - RATE * (m / correct1) / (jnp.sqrt(v / correct2) + EPSILON)
               for w, m, v in zip(weights, means, squares)]
    return weights, (count, means, squares)


def step_of(weights, state, batch, dtype):
    loss, gradients = jax.value_and_grad(loss_of)(weights, *batch, dtype)
    return *adam(weights, gradients, state), loss


def start_of(model, width):
    weights = initial_weights(model, width)
    means, squares = ([jnp.zeros_like(w) for w in weights] for _ in range(2))
    return weights, (jnp.zeros((), jnp.int32), means, squares)


def planned_bytes(compiled, data):
    """What XLA planned for, the data set left out: JAX cannot reset its allocator's peak."""
    try:
        plan = compiled.memory_analysis()
        return int(plan.temp_size_in_bytes + plan.argument_size_in_bytes - sum(a.nbytes for a in data)
                   + plan.output_size_in_bytes - plan.alias_size_in_bytes)
    except (AttributeError, NotImplementedError, TypeError):
        return None


class Step:
    """One step a call."""
    def __init__(self, images, labels, model, batch_size, options, dtype):
        self.batch = jnp.asarray(images[:batch_size]), jnp.asarray(labels[:batch_size])
        start = start_of(model, options.width)
        step = jax.jit(lambda weights, state, x, y: step_of(weights, state, (x, y), dtype), donate_argnums=(0, 1))
        self.step = step.lower(*start, *self.batch).compile()
        self.peak_bytes = planned_bytes(self.step, self.batch)
        self.carry = (*start, None)
        self.run(3)

    def run(self, steps):
        for _ in range(steps):
            self.carry = self.step(*self.carry[:2], *self.batch)
        jax.block_until_ready(self.carry)
        return steps

    def loss(self):
        return float(self.carry[2])


class Scan:
    """As many steps a call as fill an epoch; on the CPU 10, for a call is a block at least."""
    def __init__(self, images, labels, model, batch_size, options, dtype):
        most_steps = 10 if options.device == "cpu" else mnist.COUNT
        self.steps = min(len(images) // batch_size, most_steps)
        used = self.steps * batch_size
        self.x = jnp.asarray(images[:used]).reshape(self.steps, batch_size, 28, 28, 1)
        self.y = jnp.asarray(labels[:used]).reshape(self.steps, batch_size)

        def epoch(weights, state, x, y):
            def step(carry, batch):
                *carry, loss = step_of(*carry, batch, dtype)
                return tuple(carry), loss
            (weights, state), losses = lax.scan(step, (weights, state), (x, y))
            return weights, state, losses[-1]

        start = start_of(model, options.width)
        self.epoch = jax.jit(epoch).lower(*start, self.x, self.y).compile()
        self.peak_bytes = planned_bytes(self.epoch, (self.x, self.y))
        self.carry = (*start, None)
        self.run(self.steps)

    def run(self, steps):
        """Whole epochs: one call of the jit each."""
        done = 0
        while done < steps:
            weights, state, _ = self.carry
            self.carry = self.epoch(weights, state, self.x, self.y)
            done += self.steps
        jax.block_until_ready(self.carry)
        return done

    def loss(self):
        return float(self.carry[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["cpu", "gpu"], default="gpu")
    parser.add_argument("--mode", choices=["jit", "scan"], default="scan")
    parser.add_argument("--width", type=int)
    parser.add_argument("--threads", type=int, help="not read: XLA has a thread for each core it may run on")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], required=True)
    parser.add_argument("--data")
    options = parser.parse_args()
    if options.precision == "fp32":
        jax.config.update("jax_default_matmul_precision", "highest")
    device = jax.devices(options.device)[0]
    images, labels = mnist.load(options.data)
    images = ((images.astype(np.float32) / 255 - mnist.MEAN) / mnist.DEVIATION)[..., None]
    dtype = jnp.bfloat16 if options.precision == "bf16" else jnp.float32
    with jax.default_device(device):
        kind = Step if options.mode == "jit" else Scan
        serve.serve(lambda model, batch_size: kind(images, labels.astype(np.int32), model, batch_size, options, dtype),
                    {"jax": jax.__version__}, answers)


main()
