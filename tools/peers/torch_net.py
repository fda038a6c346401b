"""lenet and mlp in PyTorch as examples/train_mnist has them."""
import torch
import torch.nn.functional as F

from mnist import DEVIATION, MEAN


class Lenet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 24, 5)
        self.conv2 = torch.nn.Conv2d(24, 32, 3)
        self.dense1 = torch.nn.Linear(800, 256)
        self.dense2 = torch.nn.Linear(256, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.dense1(x.flatten(1)))
        return self.dense2(x)


class Mlp(torch.nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.dense1 = torch.nn.Linear(784, first)
        self.dense2 = torch.nn.Linear(first, second)
        self.dense3 = torch.nn.Linear(second, 10)

    def forward(self, x):
        return self.dense3(F.relu(self.dense2(F.relu(self.dense1(x.flatten(1))))))


def make_model(name, width=None):
    return Lenet() if name == "lenet" else Mlp(width or 512, width or 256)


def normalised(images, device):
    x = torch.from_numpy(images.copy()).to(device).float().div_(255)
    return x.sub_(MEAN).div_(DEVIATION).unsqueeze(1)


def labels_on(labels, device):
    return torch.from_numpy(labels.copy()).to(device).long()


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = True  # times cuDNN's algorithms and keeps the fastest
