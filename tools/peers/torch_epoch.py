"""MNIST as a plain PyTorch script trains it; prints its figures as one line of JSON.

One epoch of eager steps in batches of 256 on data that is on the device, Adam with betas 0.7 and 0.9
and a one-cycle learning rate that peaks at 0.01, if it is told nothing else."""
import argparse
import json
import time

import torch
import torch.nn.functional as F

import mnist
import torch_net


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["cpu", "gpu"], default="gpu")
    parser.add_argument("--data", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=1e-2, help="the peak")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--nhwc", action="store_true", help="channels-last tensors")
    parser.add_argument("--tf32", action="store_true")
    options = parser.parse_args()
    device = "cuda" if options.device == "gpu" else "cpu"
    layout = torch.channels_last if options.nhwc else torch.contiguous_format
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch_net.allow_tf32(options.tf32)
    torch.backends.cudnn.benchmark = False  # one epoch is too short to pay for it

    def split(name):
        images, labels = mnist.load(options.data, name)
        return torch_net.normalised(images, device), torch_net.labels_on(labels, device)

    x, y = split("train")
    model = torch_net.Lenet().to(device, memory_format=layout)
    x = x.contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate, betas=(0.7, 0.9), fused=True)
    steps = options.epochs * -(-len(x) // options.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=options.learning_rate, total_steps=steps,
                                                   cycle_momentum=False)
    start = time.perf_counter()
    for _ in range(options.epochs):
        for rows in torch.randperm(len(x), device=device).split(options.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start

    x, y = split("t10k")
    with torch.no_grad():
        right = sum((model(part).argmax(1) == answers).sum().item()
                    for part, answers in zip(x.split(2000), y.split(2000)))
    print(json.dumps({"train_seconds": seconds, "test_accuracy": 100 * right / len(x)}))


main()
