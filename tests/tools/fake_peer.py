#!/usr/bin/env python3
"""Stands in for build/bench, and for a Python with torch, in bench_peers_test.sh.

A step takes 10 us times the batch size, four times that for torch; the library rung dies when it is
to measure batch 16, and torch's compile mode refuses batch 16."""
import json
import os
import sys

if "-c" in sys.argv:  # "has this Python torch?"
    sys.exit(0)

words = " ".join(sys.argv)
torch = "torch_peer" in words
print(json.dumps({"ready": True, "versions": {"torch" if torch else "strata": "1.2.3"}}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    size = command["batch_size"]
    if "--kernels library" in words and size == 16 and command["do"] == "measure":
        print("a last word", file=sys.stderr)
        os._exit(3)
    if "--mode compile" in words and size == 16:
        answer = {"error": "cannot compile"}
    elif command["do"] == "prepare":
        answer = {"peak_bytes": 1000000 * size}
    else:
        answer = {"us": [10.0 * size * (4 if torch else 1)] * command["blocks"], "loss": 0.5}
    print(json.dumps(answer), flush=True)
