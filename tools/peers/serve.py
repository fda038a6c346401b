"""The child's side of tools/bench_peers: a loop that answers one JSON line with another.

build/bench --serve speaks the same (tools/bench/serve.h):
    (at the start)                                            {"ready": true, "versions": {...}}
    {"do": "prepare", "model": "lenet", "batch_size": B}      {"peak_bytes": N}
    {"do": "measure", "model": "lenet", "batch_size": B, "seconds": S, "blocks": K}
                                                              {"us": [K numbers], "loss": L}
A command may name a "product", [batch, inputs, outputs, pass], instead of a model and a batch size: one
of a dense layer's. What fails is answered by {"error": "..."}. Libraries that print do so on standard error.
"""
import json
import os
import sys
import time


def answers_to_parent():
    """The real standard output; from now on what is printed goes to standard error."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return stream


def timed_blocks(run, seconds, blocks):
    """Microseconds a step, one number a block. `run(n)` does n steps or a few more, waits for them
    and returns how many they were."""
    def block(steps):
        start = time.perf_counter()
        done = run(steps)
        return done, time.perf_counter() - start

    steps = 1  # doubled until a quarter of a block is reached, which also brings the clocks up
    while True:
        done, taken = block(steps)
        if taken >= seconds / 4:
            break
        steps *= 2
    steps = max(1, round(done * seconds / taken))
    results = []
    for _ in range(blocks):
        done, taken = block(steps)
        results.append(taken / done * 1e6)
    return results


def serve(make_step, versions, answers, **facts):
    """`make_step(model, batch_size)` returns an object with run(n) as above, peak_bytes and loss()."""
    def answer(command):
        what = tuple(command.get("product") or (command["model"], command["batch_size"]))
        if what not in steps:
            if "product" in command:
                steps.clear()  # one product's matrices are enough to hold
            steps[what] = make_step(*what)
        step = steps[what]
        if command["do"] == "prepare":
            return {"peak_bytes": step.peak_bytes}
        us = timed_blocks(step.run, command["seconds"], command["blocks"])
        return {"us": us, "loss": step.loss()}

    steps = {}
    print(json.dumps({"ready": True, "versions": versions, **facts}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # one configuration's; the next may work
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(reply), file=answers, flush=True)
