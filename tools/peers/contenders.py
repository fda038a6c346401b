"""Who takes part in tools/bench_peers, and the children that run them."""
import dataclasses
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
FRAMEWORKS = ("strata", "torch", "jax")


@dataclasses.dataclass(frozen=True)
class Contender:
    framework: str
    mode: str  # strata: --kernels; torch: eager, graph, compile; jax: jit, scan; openblas: its kernels
    precision: str
    one_thread: bool = False  # whatever the others have

    @property
    def name(self):
        return f"{self.framework}-{self.mode}-{self.precision}" + ("-1thread" if self.one_thread else "")


def all_contenders(device, quick=False):
    """Those of bfloat16 that take long to compile are left out of a quick run."""
    def every(framework, modes, precisions):
        return [Contender(framework, mode, precision) for precision in precisions for mode in modes]

    if device == "cpu":
        return (every("strata", ["own", "library"], ["fp32"])
                + [Contender("strata", "own", "fp32", one_thread=True)]
                + every("torch", ["eager", "eager_nhwc", "compile", "compile_nhwc"], ["fp32"])
                + every("jax", ["jit", "scan"], ["fp32"])
                + every("strata", ["own"], ["bf16"])
                + every("torch", ["eager_nhwc"] if quick else ["eager_nhwc", "compile_nhwc"], ["bf16"])
                + every("jax", ["jit"], ["bf16"]))
    return (every("strata", ["auto", "own", "library"], ["fp32", "tf32"])
            + every("strata", ["auto"], ["bf16"])
            + every("torch", ["eager", "graph", "compile"], ["fp32", "tf32"])
            + every("torch", ["graph"] if quick else ["graph", "compile"], ["bf16"])
            + every("jax", ["scan"], ["fp32", "tf32", "bf16"]))


def chosen(pattern, contenders):
    """Those whose name holds one of the words in `pattern`, separated by commas; all when None."""
    if not pattern:
        return contenders
    words = pattern.split(",")
    return [contender for contender in contenders if any(word in contender.name for word in words)]


def python_with(module, wish):
    """A Python that has the module: the one wished for, this one, or the path's; else None."""
    look = f"import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)"
    for python in [wish] if wish else [sys.executable, shutil.which("python3"), shutil.which("python")]:
        try:
            if python and subprocess.run([python, "-c", look], capture_output=True).returncode == 0:
                return python
        except OSError:
            pass
    return None


def command_of(contender, options):
    """The child's command line, or the reason why there is none."""
    if contender.framework == "strata":
        program = pathlib.Path(options.build_dir) / "bench"
        if not program.exists():
            return None, f"{program} is not built"
        return [str(program), "--serve", "--kernels", contender.mode, *arguments(contender, options)], None
    if contender.framework == "openblas":
        command = [sys.executable, "-B", str(HERE / "openblas_peer.py"), "--library", options.openblas]
        if subprocess.run([*command, "--look"], capture_output=True).returncode != 0:
            return None, f"no OpenBLAS at {options.openblas} (package libopenblas0-pthread, --openblas PATH)"
        return command, None
    python = python_with(contender.framework, getattr(options, f"{contender.framework}_python"))
    if python is None:
        return None, f"no Python here has {contender.framework} (--{contender.framework}-python PATH)"
    command = [python, "-B", str(HERE / f"{contender.framework}_peer.py"), "--mode", contender.mode,
               *arguments(contender, options)]
    if contender.framework == "torch":
        command += ["--compile-mode", options.compile_mode]
    return command, None


def arguments(contender, options):
    """What every child is told alike."""
    given = ["--device", options.device, "--precision", contender.precision]
    if options.width:
        given += ["--width", str(options.width)]
    if options.device == "cpu":
        given += ["--threads", str(1 if contender.one_thread else options.threads)]
    return given + (["--data", str(options.data)] if options.data else [])


def surroundings(options, contender=None):
    """Popen's arguments that give all processes the same share of the CPU: the number of threads where
    they take it from the environment, and when there are cores to spare only as many cores, for XLA has
    a thread for each core that it may run on. An OpenMP thread that waits sleeps after some
    milliseconds, as is its default: a longer wait would slow the others, none would slow PyTorch."""
    if options.device != "cpu":
        return {}
    number = str(options.threads)
    available = sorted(os.sched_getaffinity(0))
    cores = available[:options.threads] if options.threads < len(available) else None
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": number,
                                "MKL_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
    if contender and contender.framework == "openblas":
        environment.pop("OPENBLAS_CORETYPE", None)
        if contender.mode != "default":
            environment["OPENBLAS_CORETYPE"] = contender.mode
    return {"env": environment,
            "preexec_fn": cores and (lambda: os.sched_setaffinity(0, cores))}


class ChildFailed(Exception):
    """What a child said, or that it said nothing in time."""


class Child:
    """A contender at work, asked and answering in lines of JSON."""

    def __init__(self, contender, command, log, options):
        self.log = log
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                        cwd=HERE.parent.parent, **surroundings(options, contender))
        self.buffer = b""

    def read(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise ChildFailed(f"no answer in {timeout:.0f} s")
            part = self.process.stdout.read1(65536)
            if not part:
                raise ChildFailed(f"ended with exit code {self.process.wait()}: {self.last_words()}")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise ChildFailed(answer["error"])
        return answer

    def ask(self, timeout, **command):
        try:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() says how it ended
        return self.read(timeout)

    def cpu_seconds(self):
        """That its threads have worked so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def last_words(self):
        self.log.flush()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
