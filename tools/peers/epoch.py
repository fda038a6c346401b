"""Whole processes: one epoch of MNIST, from start to exit, Strata's program and a plain PyTorch script."""
import json
import pathlib
import subprocess
import tempfile
import time

import contenders

HERE = pathlib.Path(__file__).resolve().parent


def timed(command):
    """Seconds from start to exit, and the process; raises when it could not be started."""
    start = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True)
    return time.perf_counter() - start, process


def train_mnist(options):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        command = [str(pathlib.Path(options.build_dir) / "train_mnist"), "--quiet", "--device", options.device,
                   "--json", str(file), *options.epoch_arguments.split()]
        if options.data:
            command += ["--data", str(options.data)]
        seconds, process = timed(command)
        if not file.exists() or process.returncode not in (0, 1):  # 1: its target was missed
            raise RuntimeError(process.stderr.strip() or f"exit code {process.returncode}")
        report = json.loads(file.read_text())
        return seconds, report["train_seconds"], report["test_accuracy"]


def torch_script(options, mode):
    python = contenders.python_with("torch", options.torch_python)
    if python is None or not options.data:
        raise RuntimeError("no Python here has torch, or MNIST is not here")
    seconds, process = timed([python, "-B", str(HERE / "torch_epoch.py"), "--device", options.device,
                              "--data", str(options.data), *mode])
    if process.returncode != 0:
        raise RuntimeError((process.stderr.strip().splitlines() or ["it said nothing"])[-1])
    report = json.loads(process.stdout.splitlines()[-1])
    return seconds, report["train_seconds"], report["test_accuracy"]


def compare(options, say):
    """One row a program; the programs take turns, as often as there are rounds, three times at most."""
    programs = {f"train_mnist {options.epoch_arguments}": lambda: train_mnist(options),
                "PyTorch, plain script": lambda: torch_script(options, []),
                "PyTorch, plain script, TF32": lambda: torch_script(options, ["--tf32"])}
    rows = {name: {"name": name, "total_seconds": [], "train_seconds": [], "accuracy": []} for name in programs}
    for _ in range(min(options.rounds, 3)):
        for name, program in programs.items():
            say(f"one epoch: {name}")
            try:
                total, training, accuracy = program()
            except (RuntimeError, OSError, ValueError) as error:
                say(f"{name}: {error}")
                continue
            rows[name]["total_seconds"].append(total)
            rows[name]["train_seconds"].append(training)
            rows[name]["accuracy"].append(accuracy)
    return [row for row in rows.values() if row["total_seconds"]]
