#!/usr/bin/env python3
"""Stands in for build/bench, build/train_mnist and a Python with torch, in bench_peers_test.sh.

A step takes 10 us times the batch size, twice that for mlp, four times that for torch, three times
that with one thread on the CPU; the library rung dies when it is to measure batch 16, and torch's
compile mode refuses batch 16. A product takes 1 us. On the CPU the peak is 100 GFLOP/s a thread. A
training takes two epochs."""
import json
import os
import pathlib
import sys

if "-c" in sys.argv:  # "has this Python torch?"
    sys.exit(0)

words = " ".join(sys.argv)
torch = "torch_peer" in words
one_thread = "--threads 1 " in words + " "


def argument(name):
    return sys.argv[sys.argv.index(name) + 1]


if "--ceilings" in words:
    peaks = [{"threads": int(n), "fp32_flops": 1e11 * int(n)} for n in argument("--threads").split(",")]
    report = {"ceilings": peaks, "device": {"name": "a made-up CPU"}, "versions": {"strata": "1.2.3"}}
    pathlib.Path(argument("--json")).write_text(json.dumps(report))
    sys.exit(0)
if "train_mnist" in sys.argv[0]:
    report = {"loss_per_epoch": [1, 0.5], "batch_size": 32, "learning_rate": 0.25, "train_seconds": 3.5,
              "test_accuracy": 99.25}
    pathlib.Path(argument("--json")).write_text(json.dumps(report))
    sys.exit(0)
if "torch_epoch" in words:
    if "--nhwc" in words:
        sys.exit("a layout that is too much")
    done = int(argument("--epochs")) * int(argument("--batch-size")) * float(argument("--learning-rate"))
    print(json.dumps({"train_seconds": done, "test_accuracy": 98.5}))
    sys.exit(0)

print(json.dumps({"ready": True, "versions": {"torch" if torch else "strata": "1.2.3"}}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if "product" in command:
        print(json.dumps({"us": [1.0] * command["blocks"]}), flush=True)
        continue
    size = command["batch_size"]
    if "--kernels library" in words and size == 16 and command["do"] == "measure":
        print("a last word", file=sys.stderr)
        os._exit(3)
    us = 10.0 * size * (2 if command["model"] == "mlp" else 1) * (4 if torch else 3 if one_thread else 1)
    if "--mode compile" in words and size == 16:
        answer = {"error": "cannot compile"}
    elif command["do"] == "prepare":
        answer = {"peak_bytes": 1000000 * size, "flop": 5e5 * size}
    else:
        answer = {"us": [us] * command["blocks"], "loss": 0.5}
    print(json.dumps(answer), flush=True)
