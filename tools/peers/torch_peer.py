"""PyTorch's training step, for tools/bench_peers; serve.py says how it is asked.

eager: a plain script's step. graph: the whole step as one CUDA graph. compile: forward and backward
through torch.compile, the whole step as one CUDA graph (on the CPU: without one). _nhwc: with
channels-last tensors. The batch stays the same: no peer pays for drawing it, Strata does. Precisions:
fp32 is strict, tf32 lets products round, bf16 is autocast, always with channels-last tensors."""
import argparse
import importlib

import serve

answers = serve.answers_to_parent()

import torch  # noqa: E402  (after standard output is safe)
import torch.nn.functional as F  # noqa: E402

import mnist  # noqa: E402
import torch_net  # noqa: E402


class Step:
    def __init__(self, options, images, labels, model, batch_size):
        self.gpu = options.device == "gpu"
        device = "cuda" if self.gpu else "cpu"
        bf16 = options.precision == "bf16"
        bytes_before = torch.cuda.memory_allocated() if self.gpu else 0
        torch.manual_seed(0)
        model = torch_net.make_model(model, options.width).to(device)
        x, y = images[:batch_size].clone(), labels[:batch_size].clone()
        if bf16 or options.mode.endswith("_nhwc"):
            model = model.to(memory_format=torch.channels_last)
            x = x.contiguous(memory_format=torch.channels_last)

        def loss_of(x, y):
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                return F.cross_entropy(model(x), y)

        if options.mode.startswith("compile"):
            loss_of = torch.compile(loss_of, dynamic=False, mode=options.compile_mode)
        rate = torch.tensor(1e-3, device=device) if self.gpu else 1e-3
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.7, 0.9), fused=True,
                                     capturable=self.gpu)

        def step():
            optimizer.zero_grad(set_to_none=True)
            self.last_loss = loss_of(x, y)
            self.last_loss.backward()
            optimizer.step()

        self.step = step
        self.optimizer = optimizer
        self.batch = x, y  # a graph replays on this memory without holding it
        self.warm_up()
        if self.gpu and options.mode != "eager":
            self.capture()
        self.run(3)
        self.peak_bytes = torch.cuda.max_memory_allocated() - bytes_before if self.gpu else None

    def warm_up(self):
        """Compiles, times cuDNN's algorithms, fills the allocator; on a stream of its own, as
        PyTorch's notes on CUDA graphs ask for."""
        if not self.gpu:
            return self.run(5)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()  # what was only tried does not count

    def capture(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()
        self.step = self.graph.replay

    def run(self, steps):
        for _ in range(steps):
            self.step()
        if self.gpu:
            torch.cuda.synchronize()
        return steps

    def loss(self):
        return self.last_loss.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["cpu", "gpu"], default="gpu")
    parser.add_argument("--mode", choices=["eager", "eager_nhwc", "graph", "compile", "compile_nhwc"], required=True)
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], required=True)
    parser.add_argument("--compile-mode", default="default")
    parser.add_argument("--width", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data")
    options = parser.parse_args()
    device = "cuda" if options.device == "gpu" else "cpu"
    torch_net.allow_tf32(options.precision != "fp32")
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.mode.startswith("compile"):  # each batch size by itself: more often than is expected by default
        config = importlib.import_module("torch._dynamo").config
        for limit in ("recompile_limit", "cache_size_limit"):
            if hasattr(config, limit):
                setattr(config, limit, 64)
    images, labels = mnist.load(options.data)
    images, labels = torch_net.normalised(images, device), torch_net.labels_on(labels, device)
    versions = {"torch": torch.__version__}
    if options.device == "gpu":
        cudnn = torch.backends.cudnn.version()
        versions |= {"torch's CUDA": torch.version.cuda, "gpu": torch.cuda.get_device_name(),
                     "torch's cuDNN": f"{cudnn // 10000}.{cudnn // 100 % 100}.{cudnn % 100}"}
    serve.serve(lambda model, batch_size: Step(options, images, labels, model, batch_size), versions, answers)


main()
