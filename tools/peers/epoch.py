"""Whole processes, from start to exit: Strata's program and a plain PyTorch script on MNIST."""
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import contenders

HERE = pathlib.Path(__file__).resolve().parent


class Run:
    """A process that has ended: how long it took, and what it needed and said."""

    def __init__(self, command, options):
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                       **contenders.surroundings(options))
            _, status, usage = os.wait4(process.pid, 0)  # of this one child, its threads included
            self.seconds = time.perf_counter() - start
            self.exit_code = process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = usage.ru_utime + usage.ru_stime
            self.peak_bytes = 1024 * usage.ru_maxrss
            self.output, self.errors = (self.text(file) for file in (output, errors))

    @staticmethod
    def text(file):
        file.seek(0)
        return file.read().decode(errors="replace").strip()

    def row(self, train_seconds, accuracy):
        return {"total_seconds": self.seconds, "train_seconds": train_seconds, "accuracy": accuracy,
                "cpu_seconds": self.cpu_seconds, "peak_bytes": self.peak_bytes}


def train_mnist(options, recipe):
    """Leaves in `recipe` what the script is to do alike."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        command = [str(pathlib.Path(options.build_dir) / "train_mnist"), "--quiet", "--device", options.device,
                   "--json", str(file), *options.epoch_arguments.split()]
        if options.device == "cpu":
            command += ["--threads", str(options.threads)]
        if options.data:
            command += ["--data", str(options.data)]
        run = Run(command, options)
        if not file.exists() or run.exit_code not in (0, 1):  # 1: its target was missed
            raise RuntimeError(run.errors or f"exit code {run.exit_code}")
        report = json.loads(file.read_text())
        recipe |= {"epochs": len(report["loss_per_epoch"]), "batch-size": report["batch_size"],
                   "learning-rate": report["learning_rate"]}
        return run.row(report["train_seconds"], report["test_accuracy"])


def torch_script(options, arguments):
    python = contenders.python_with("torch", options.torch_python)
    if python is None or not options.data:
        raise RuntimeError("no Python here has torch, or MNIST is not here")
    if options.device == "cpu":
        arguments = [*arguments, "--threads", str(options.threads)]
    run = Run([python, "-B", str(HERE / "torch_epoch.py"), "--device", options.device,
               "--data", str(options.data), *arguments], options)
    if run.exit_code != 0:
        raise RuntimeError((run.errors.splitlines() or ["it said nothing"])[-1])
    report = json.loads(run.output.splitlines()[-1])
    return run.row(report["train_seconds"], report["test_accuracy"])


def programs_of(options):
    """On the CPU the script does what train_mnist just did: as many epochs, batches as large."""
    recipe = {}

    def alike():
        return [word for name, value in recipe.items() for word in (f"--{name}", str(value))]

    programs = {f"train_mnist {options.epoch_arguments}": lambda: train_mnist(options, recipe)}
    if options.device == "cpu":
        return programs | {
            "PyTorch, plain script": lambda: torch_script(options, alike()),
            "PyTorch, plain script, channels last": lambda: torch_script(options, [*alike(), "--nhwc"])}
    return programs | {"PyTorch, plain script": lambda: torch_script(options, []),
                       "PyTorch, plain script, TF32": lambda: torch_script(options, ["--tf32"])}


def compare(options, say):
    """One row a program, and who fell out; the programs take turns, as often as there are rounds, three
    times at most."""
    programs = programs_of(options)
    rows, skipped = {name: {"name": name} for name in programs}, []
    for _ in range(min(options.rounds, 3)):
        for name, program in list(programs.items()):
            say(f"from start to exit: {name}")
            try:
                figures = program()
            except (RuntimeError, OSError, ValueError) as error:
                say(f"{name}: {error}")
                skipped.append({"contender": name, "why": str(error)})
                programs.pop(name)
                continue
            for figure, value in figures.items():
                rows[name].setdefault(figure, []).append(value)
    return [row for row in rows.values() if "total_seconds" in row], skipped


def table(rows):
    lines = ["### Whole processes, from start to exit", "",
             "| | start to exit, s | training, s | CPU time, s | peak resident, MB | test accuracy, % |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        whole = row["total_seconds"]
        lines.append(f"| {row['name']} | {statistics.median(whole):.2f} ({min(whole):.2f}–{max(whole):.2f}) "
                     f"| {statistics.median(row['train_seconds']):.3f} | {middle(row, 'cpu_seconds', 1)} "
                     f"| {middle(row, 'peak_bytes', 1e6)} | {min(row['accuracy']):.2f}–{max(row['accuracy']):.2f} |")
    return "\n".join(lines) + "\n"


def middle(row, name, unit):
    return f"{statistics.median(row[name]) / unit:.1f}" if name in row else "–"
