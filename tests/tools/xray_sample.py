#!/usr/bin/env python3
"""Plays a traced step of lenet for the test of the x-ray's page: xray_sample.py [KIND] > data.json

KIND is gpu (default), unknown (the same without the GPU's side, as where CUPTI cannot be opened) or
cpu. Times and kernels are made up after a real step's; the excerpts are this project's sources.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOPS, BYTES_PER_SECOND = 4.3e14, 3.0e12
BATCH = 192


def source(file, text):
    """Where `text` stands in a source file, with two lines around it; only the name if nowhere."""
    lines = (ROOT / file).read_text().splitlines() if (ROOT / file).exists() else []
    at = next((i for i, line in enumerate(lines) if text in line), None)
    if at is None:
        return {"file": file}
    first = max(at - 2, 0)
    return {"file": file, "line": at + 1,
            "excerpt": {"first": first + 1, "lines": lines[first:at + 3]}}


class View:
    """Plays host and GPU: nodes are opened and closed while two clocks run, in nanoseconds."""

    def __init__(self, captured=False, gpu=True):
        self.nodes, self.stack, self.now, self.free_at = [], [], 0, {}
        self.captured, self.gpu = captured, gpu
        self.track, self.launch, self.forward = "host", None, {}

    def open(self, layer, name, cost=0, **more):
        node = {"id": len(self.nodes) + 1, "parent": self.stack[-1]["id"] if self.stack else 0,
                "layer": layer, "name": name, "detail": "", "begin": self.now, "end": self.now,
                "track": self.track, **more}
        self.nodes.append(node)
        self.stack.append(node)
        self.spend(cost)
        return node

    def spend(self, cost):
        if self.track == "host":
            self.now += cost

    def close(self, cost=0):
        self.spend(cost)
        self.stack.pop()["end"] = self.now

    def leaf(self, *args, **more):
        node = self.open(*args, **more)
        self.close()
        return node

    def kernel(self, name, time, stream=7, layer="kernel", flops=0, bytes=0, notes=()):
        """A launch and, where there is a GPU's side, its work, in turn with what came before."""
        call = {"kernel": ("cudaLaunchKernelExC", "cuLaunchKernelEx"),
                "copy": ("cudaMemcpyAsync", "cuMemcpyDtoDAsync_v2"),
                "fill": ("cudaMemsetAsync", "cuMemsetD8Async")}[layer]
        runtime = self.open("runtime", call[0], 900)
        self.leaf("driver", call[1], 2100)
        self.close(500)
        if not self.gpu:
            return
        after = self.free_at.get(stream, self.gpu_now())
        begin = max(self.now + 2500, after + 700)
        if self.captured:
            begin = max(self.launch["end"] + 2000, after + 350)
        end = begin + time
        share = max(flops / FLOPS, bytes / BYTES_PER_SECOND) / (time * 1e-9)
        self.nodes.append({
            "id": len(self.nodes) + 1, "layer": layer, "name": name, "detail": "",
            "parent": runtime["id"], "begin": begin, "end": end, "track": f"stream {stream}",
            "flops": flops, "bytes": bytes, **({"share": round(share, 3)} if share else {}),
            "launched_by": self.launch["id"] if self.captured else runtime["id"],
            "notes": [list(note) for note in notes]})
        self.free_at[stream] = end

    def gpu_now(self):
        return max(self.free_at.values(), default=0)

    def busy(self):
        """How long at least one stream has work."""
        busy = until = 0
        for node in sorted((n for n in self.nodes if "launched_by" in n), key=lambda n: n["begin"]):
            busy += max(node["end"] - max(node["begin"], until), 0)
            until = max(until, node["end"])
        return busy

    def end(self, name, description, untraced, waiting):
        wall = self.now
        part = {layer: sum(n["end"] - n["begin"] for n in self.nodes
                           if n["track"] == "host" and n["layer"] == layer)
                for layer in ("library", "runtime", "driver")}
        part["runtime"] -= part["driver"] + waiting
        part["library"] -= sum(n["end"] - n["begin"] for n in self.nodes
                               if n["track"] == "host" and n["layer"] == "runtime"
                               and self.nodes[n["parent"] - 1]["layer"] == "library")
        host = [[layer, part[layer]] for layer in part] + [["waiting", waiting]]
        host.insert(0, ["framework", wall - sum(time for _, time in host)])
        host = [pair for pair in host if pair[1]]
        busy = self.busy()
        gpu = [["busy", busy], ["idle", wall - busy]] if busy else []
        return {"name": name, "description": description, "wall_ns": wall, "host": host,
                "untraced_ns": untraced, "gpu": gpu, "nodes": self.nodes}


def shape(grid, block, registers, shared):
    return [("grid", grid), ("block", block), ("registers", f"{registers} a thread"),
            ("shared memory", f"{shared} bytes")]


TENSOR_CORES = shape("192 x 2 x 1", "256 x 1 x 1", 168, 73728)
SIMPLE = shape("1728 x 1 x 1", "256 x 1 x 1", 32, 0)


def rung(view, name, file, text, kernels, library=None, notes=()):
    """One kernel choice: a library's call around the launches, or the launches themselves."""
    view.open("rung", name, 1800, **source(file, text))
    if library:
        view.open("library", library, 2600, notes=[list(note) for note in notes])
    for kernel in kernels:
        view.kernel(**kernel)
        view.spend(1200)
    if library:
        view.close(900)
    view.close(700)


def conv_rung(view, pass_name, kernel, time, flops, bytes, engine):
    rung(view, f"cudnn::{pass_name}", "ops/cudnn/conv2d.cpp", "void run(ConvPass pass",
         [{"name": kernel, "time": time, "flops": flops, "bytes": bytes, "notes": TENSOR_CORES}],
         "cudnnBackendExecute",
         [("engine", engine), ("workspace", "4096 bytes"), ("precision", "tf32"),
          ("not taken", "engine 12 is nondeterministic"),
          ("not taken", "engine 17 rounds in a transform without saying so")])


def stage(view, name, size, channels, filters, window, grad=False):
    """A convolutional stage, made of four ops; backward in the reverse order."""
    out = size - window + 1
    pixels = BATCH * out * out * filters
    flops = 2 * pixels * window * window * channels
    bytes = 4 * (BATCH * size * size * channels + pixels)
    whole = f"{BATCH}x{size}x{size}x{channels} by {filters}x{window}x{window}x{channels}"

    def small(op, kernel, who, moved, time):
        suffix = "_backward" if grad else ""
        view.open("op", op + suffix, 2400, detail=f"{BATCH}x{out}x{out}x{filters}",
                  bytes=moved, **of(op))
        rung(view, f"{who}::{op}{suffix}", f"ops/{op}.cpp", "run_on_rung",
             [{"name": kernel, "time": time, "bytes": moved, "notes": SIMPLE}],
             {"cudnn": "cudnnPoolingForward" if not grad else "cudnnPoolingBackward"}.get(who))
        view.close(900)

    def of(op):
        key = (name, op)
        if grad:
            return {"backward_of": view.forward[key]} if key in view.forward else {}
        view.forward[key] = len(view.nodes) + 1
        return {}

    def convolution():
        if not grad:
            view.open("op", "conv2d", 5200, detail=whole, flops=flops, bytes=bytes, **of("conv2d"),
                      **source("ops/conv2d.cpp", "struct Conv2dNode : Node"))
            conv_rung(view, "conv2d", "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_"
                      "nhwc_tilesize128x32x16_stage4_warpsize4x1x1_g1_tensor16x8x8_kernel_cudnn",
                      max(9800, flops // 110_000), flops, bytes, "67 2:12 18:0 (tensor cores)")
            view.close(1500)
            return
        view.open("op", "conv2d_backward", 3100, detail=whole, flops=2 * flops, bytes=2 * bytes,
                  **of("conv2d"), **source("ops/conv2d.cpp", "Gradients backward"))
        conv_rung(view, "conv2d_grad_weight", "sm80_xmma_wgrad_implicit_gemm_tf32f32_tf32f32_f32_"
                  "nhwckrsc_nhwc_tilesize128x32x16_stage4_warpsize4x1x1_g1_tensor16x8x8_kernel",
                  max(14200, flops // 90_000), flops, bytes, "6 2:3 11:1 (tensor cores)")
        if channels > 1:
            conv_rung(view, "conv2d_grad_input", "cutlass__5x_cudnn::Kernel<cutlass_tensorop_"
                      "s1688dgrad_optimized_tf32_128x64_16x4_nhwc_align4>",
                      flops // 100_000, flops, bytes, "31 5:2 (tensor cores)")
        view.close(1500)

    view.open("module", name, 2000, detail=f"Conv2D {window}x{window} -> {filters}, ReLU, pool",
              **source("nn/conv2d.cpp", "Tensor Conv2D::forward"))
    view.open("op", "conv2d_relu_max_pool" + ("_backward" if grad else ""), 1600, detail=whole,
              **of("stage"),
              **source("ops/conv2d_relu_max_pool.cpp", "Tensor conv2d_relu_max_pool"))
    parts = [convolution,
             lambda: small("bias_add", "bias_add_kernel" if not grad else "sum_rows_kernel",
                           "cuda", 8 * pixels, max(6100, pixels // 300)),
             lambda: small("max_pool2d", "cudnn::pooling_fw_4d_kernel_max_nhwc" if not grad else
                           "cudnn::pooling_bw_kernel_max_nhwc", "cudnn", 5 * pixels, pixels // 280),
             lambda: small("relu", "elementwise_kernel<relu>", "cuda", 2 * pixels, pixels // 900)]
    for part in reversed(parts) if grad else parts:
        part()
    view.close(800)
    view.close(400)


def dense(view, name, inputs, outputs, grad=False, relu=False):
    flops = 2 * BATCH * inputs * outputs
    bytes = 4 * (BATCH * inputs + inputs * outputs + BATCH * outputs)
    op = "dense_backward" if grad else "dense"
    view.open("module", name, 1500, detail=f"Dense -> {outputs}{', ReLU' if relu else ''}",
              **source("nn/dense.cpp", "Tensor Dense::forward"))
    link = {"backward_of": view.forward[name]} if grad else {}
    node = view.open("op", op, 4200, detail=f"{BATCH}x{inputs} by {outputs}x{inputs}", bytes=bytes,
                     flops=flops * (2 if grad else 1), **link, **source("ops/dense.cpp", "struct "))
    view.forward.setdefault(name, node["id"])
    for which in ("_grad_weight", "_grad_input") if grad else ("",):
        rung(view, f"cublas::dense{which}", "ops/cublas/dense.cpp", "void dense",
             [{"name": "nvjet_sm90_tss_64x32_64x8_2x1_h_bz_bias_TNN",
               "time": 6400 + flops // 60_000, "flops": flops, "bytes": bytes,
               "notes": shape("12 x 8 x 1", "384 x 1 x 1", 168, 118784)}],
             "cublasLtMatmul", [("algorithm", "66, tile 64x32, 8 stages"), ("workspace", "0 bytes"),
                                ("epilogue", "bias, ReLU" if relu else "bias")])
    view.close(1100)
    view.close(500)


def own(view, op, kernels, detail="", stream=7, **more):
    """An op that only own kernels do."""
    view.open("op", op, 2600, detail=detail, **more)
    rung(view, f"cuda::{op}", f"ops/cuda/{op}.cu", "launch_in_turn",
         [{"stream": stream, "notes": shape("96 x 1 x 1", "256 x 1 x 1", 40, 1024), **kernel}
          for kernel in kernels])
    view.close(700)


def network(view):
    view.open("phase", "forward", 1500, **source("nn/training_step.cpp", "cross_entropy("))
    own(view, "zero_grad", [{"name": "fill", "layer": "fill", "time": 2600, "bytes": 1_010_000}])
    stage(view, "conv1", 28, 1, 24, 5)
    stage(view, "conv2", 12, 24, 32, 3)
    view.leaf("module", "flatten", 700, detail="192x5x5x32 -> 192x800")
    dense(view, "dense1", 800, 256, relu=True)
    dense(view, "dense2", 256, 10)
    own(view, "softmax_cross_entropy",
        [{"name": "softmax_cross_entropy_kernel<float>", "time": 3900}], "192x10")
    view.close(800)
    view.open("phase", "metrics", 600, **source("nn/training_step.cpp", "record_metrics("))
    own(view, "record_metrics", [{"name": "count_correct_kernel", "time": 2700, "stream": 13},
                                 {"name": "record_metrics_kernel", "time": 1900, "stream": 13}])
    view.close(300)
    view.open("phase", "backward", 1800, **source("nn/training_step.cpp", "backward(end.loss)"))
    own(view, "softmax_cross_entropy_backward", [{"name": "softmax_backward_kernel", "time": 3100}])
    dense(view, "dense2", 256, 10, grad=True)
    dense(view, "dense1", 800, 256, grad=True, relu=True)
    stage(view, "conv2", 12, 24, 32, 3, grad=True)
    stage(view, "conv1", 28, 1, 24, 5, grad=True)
    view.close(900)
    view.open("phase", "next batch", 500, **source("nn/training_step.cpp", "draw_next"))
    own(view, "gather_batch",
        [{"name": "gather_batch_kernel<unsigned char>", "time": 3400, "stream": 13},
         {"name": "device to device", "layer": "copy", "time": 1500, "stream": 13, "bytes": 768}])
    view.close(300)
    view.open("phase", "update", 700, **source("nn/training_step.cpp", "optimizer.update"))
    own(view, "adam_update", [{"name": "flat_update_kernel<adam>", "time": 5800, "bytes": 8_800_000,
                               "flops": 4_000_000}], "219,914 parameters")
    view.close(400)


def wait(view, idle):
    before = view.now
    view.open("runtime", "cudaStreamSynchronize", 600)
    view.now = max(view.now, view.gpu_now()) + idle
    view.leaf("driver", "cuStreamSynchronize", 900)
    view.close(300)
    return max(view.now - before - 1800, 0)


def eager(gpu=True):
    view = View(gpu=gpu)
    view.open("step", "training step", 1200,
              **source("nn/training_step.cpp", "void TrainingStep::queue"))
    network(view)
    waited = wait(view, 4000 if gpu else 60_000)
    view.close(500)
    return view.end("eager", "one step, queued kernel by kernel, after warm-up", 301_000, waited)


def captured(gpu=True):
    view = View(captured=True, gpu=gpu)
    view.open("step", "training step", 900,
              **source("nn/captured_step.cpp", "void CapturedStep::run"))
    view.launch = view.open("runtime", "cudaGraphLaunch", 1700)
    view.leaf("driver", "cuGraphLaunch", 6900)
    view.close(600)
    view.track = "recording"
    network(view)
    view.track = "host"
    waited = wait(view, 3000 if gpu else 300_000)
    view.close(300)
    return view.end("captured", "one step, replayed from a CUDA graph", 189_000, waited)


def cpu():
    view = View(gpu=False)
    view.open("step", "training step", 1200,
              **source("nn/training_step.cpp", "void TrainingStep::queue"))
    for phase, ops in (("forward", ("conv2d", "bias_add", "max_pool2d", "relu", "dense")),
                       ("backward", ("dense", "relu", "max_pool2d", "bias_add", "conv2d")),
                       ("update", ("adam_update",))):
        view.open("phase", phase, 900)
        for op in ops:
            view.open("op", op, 1200, flops=8_000_000, **source(f"ops/{op}.cpp", "struct "))
            view.leaf("rung", f"cpu::{op}", 420_000 if "conv" in op else 60_000, flops=8_000_000,
                      share=0.31, notes=[["instructions", "AVX-512"]])
            view.close(500)
        view.close(200)
    view.close(300)
    return view.end("eager", "one step on the CPU, after warm-up", None, 0)


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "gpu"
    missing = "kernels: unknown: libcupti.so.13 cannot be opened (No such file or directory)"
    page = {
        "version": 1, "strata": "0.1.0", "of a later version": {},
        "title": "lenet, Adam, batches of 192, tf32, --kernels library",
        "machine": [["device", "gpu: NVIDIA H100 80GB HBM3"], ["driver", "580.159.04"],
                    ["runtime", "CUDA 13.0"], ["cuDNN", "9.14.0"], ["cuBLASLt", "13.1.0"]],
        "notes": [missing] if kind == "unknown" else [],
        "ceilings": {"flops": FLOPS, "flops_of": "tf32 products",
                     "bytes_per_second": BYTES_PER_SECOND},
        "views": [eager(kind == "gpu"), captured(kind == "gpu")]}
    if kind == "cpu":
        page.update(title="lenet, Adam, batches of 192, fp32, --kernels own", ceilings=None,
                    machine=[["device", "cpu: 16 cores, AVX-512"]], views=[cpu()])
    print(json.dumps(page))


if __name__ == "__main__":
    main()
