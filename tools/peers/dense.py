"""The products of dense layers: Strata beside OpenBLAS with each of its sets of kernels, in turns."""
import random
import statistics

import contenders

BATCH_SIZES, WIDTH = (256, 1024), 4096
# OPENBLAS_CORETYPE; default is what the library takes by itself, which is not always the fastest.
CORES = ("default", "Haswell", "SkylakeX", "Zen")
PASSES = ("forward", "grad_input", "grad_weight")
NAMES = {"forward": "forward", "grad_input": "gradient of the input", "grad_weight": "gradient of the weight"}


def all_contenders():
    return ([contenders.Contender("strata", mode, "fp32") for mode in ("own", "library")]
            + [contenders.Contender("openblas", core, "fp32") for core in CORES])


def products(options):
    """(batch, inputs, outputs, pass): a wide layer's, and those of mlp's."""
    width = options.width or WIDTH
    for batch in options.dense_batch_sizes:
        for inputs, outputs in ((width, width), (784, 512), (512, 256), (256, 10)):
            for name in PASSES:
                if inputs != 784 or name != "grad_input":  # images need no gradient
                    yield batch, inputs, outputs, name


def race(field, options, say):
    """One product after another, so that a child holds the matrices of one; in every round each
    contender is measured once, in a new order. Returns a row a product."""
    order, rows = random.Random(1), []
    for product in products(options):
        say("product {}x{} to {}, {}".format(*product))
        rounds = {contender: [] for contender in field.children}
        for _ in range(options.rounds):
            turns = list(field.children)
            order.shuffle(turns)
            for contender in turns:
                answer = field.ask(contender, options, do="measure", product=product,
                                   seconds=options.block_ms / 1e3, blocks=options.blocks)
                if answer:
                    rounds[contender].append(statistics.median(answer["us"]))
        rounds = {contender: measured for contender, measured in rounds.items() if measured}
        if rounds:
            rows.append(row_of(product, rounds))
    return rows


def row_of(product, rounds):
    batch, inputs, outputs, name = product
    flop = 2 * batch * inputs * outputs
    us = {contender.name: statistics.median(measured) for contender, measured in rounds.items()}
    row = {"batch_size": batch, "inputs": inputs, "outputs": outputs, "pass": name, "us": us,
           "rounds_us": {contender.name: measured for contender, measured in rounds.items()},
           "flops": {contender: flop / taken * 1e6 for contender, taken in us.items()}}
    best = min((name for name in us if name.startswith("openblas")), key=us.get, default=None)
    if best:
        row["best_openblas"] = best
        row["times_openblas"] = {contender: us[best] / taken for contender, taken in us.items()
                                 if contender.startswith("strata")}
    return row


def table(rows):
    names = list(dict.fromkeys(name for row in rows for name in row["us"]))
    strata = [name for name in names if name.startswith("strata")]
    heads = names + [f"{name} / best OpenBLAS" for name in strata]
    lines = ["### Products of dense layers, GFLOP/s", "", "| layer | batch | product | " + " | ".join(heads) + " |",
             "|---|---|---|" + "---|" * len(heads)]
    for row in rows:
        cells = [figure(row, name) for name in names]
        cells += [f"{row['times_openblas'][name]:.2f}" if name in row.get("times_openblas", {}) else "–"
                  for name in strata]
        lines.append(f"| {row['inputs']} to {row['outputs']} | {row['batch_size']:,} | {NAMES[row['pass']]} | "
                     + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def figure(row, name):
    if name not in row["flops"]:
        return "–"
    text = f"{row['flops'][name] / 1e9:,.1f}"
    return f"**{text}**" if row["us"][name] == min(row["us"].values()) else text
