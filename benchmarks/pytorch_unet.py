"""The U-Net of brainseg/model/unet.py in plain PyTorch, to compare the speed of training and of outlining.

`python -m benchmarks.training` and `benchmarks.inference` run it, possibly with another Python (--torch-python). It
therefore imports nothing of the project and needs NumPy and PyTorch only.
"""

import itertools
import json
import resource
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

LEVELS = 4


def conv_block(channels: int, filters: int) -> nn.Sequential:
    """Make two 3 x 3 convolutions, each with batch normalisation (with Keras' constants) and ReLU."""
    parts: list[nn.Module] = []
    for input_channels in (channels, filters):
        parts += [
            nn.Conv2d(input_channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters, eps=1e-3, momentum=0.1),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*parts)


class ResidualBlock(nn.Module):
    """The same, with the input, after a 1 x 1 convolution, added before the last ReLU."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.block = conv_block(channels, filters)[:-1]
        self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters, eps=1e-3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features, (N, C, H, W), to (N, filters, H, W)."""
        return functional.relu(self.block(features) + self.shortcut(features), inplace=True)


class UNet(nn.Module):
    """A U-Net with four levels down and four up, as `brainseg.model.unet.build_unet` builds it; returns logits."""

    def __init__(
        self, *, channels: int, filters: int, dropout: float, dropout_from_level: int, residual: bool = False
    ) -> None:
        super().__init__()
        block = ResidualBlock if residual else conv_block
        widths = [filters * 2**level for level in range(LEVELS + 1)]
        rates = [dropout if level >= dropout_from_level else 0.0 for level in range(LEVELS)]
        self.down = nn.ModuleList(map(block, [channels, *widths[:-2]], widths[:-1]))
        self.bottom = block(widths[-2], widths[-1])
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(below, width, 3, stride=2, padding=1, output_padding=1)
            for width, below in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(block(2 * width, width) for width in widths[:-1])
        self.drop = nn.ModuleList(nn.Dropout(rate) if rate else nn.Identity() for rate in rates)
        self.last = nn.Conv2d(filters, 1, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map images, (N, C, H, W), to logits, (N, 1, H, W)."""
        skips = []
        for block, drop in zip(self.down, self.drop, strict=True):
            features = block(features)
            skips.append(features)
            features = drop(functional.max_pool2d(features, 2))
        features = self.bottom(features)
        for level in reversed(range(LEVELS)):
            features = torch.cat([self.grow[level](features), skips[level]], dim=1)
            features = self.up[level](self.drop[level](features))
        return self.last(features)  # type: ignore[no-any-return]


def bce_dice_loss(logits: torch.Tensor, mask_true: torch.Tensor) -> torch.Tensor:
    """Compute binary cross-entropy plus soft Dice loss, as `brainseg.training.losses.bce_dice_loss`."""
    probability = logits.sigmoid()
    overlap = (mask_true * probability).sum()
    soft_dice_loss = 1 - (2 * overlap + 1) / (mask_true.sum() + probability.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, mask_true) + soft_dice_loss


def time_steps(
    model: UNet, batches: list[tuple[torch.Tensor, torch.Tensor]], *, bfloat16: bool, warm_up: int, steps: int
) -> tuple[list[float], float]:
    """Train on the batches in turn and time the steps.

    Args:
        model: as built.
        batches: images and masks, channels last.
        bfloat16: whether convolutions are computed in bfloat16 (autocast).
        warm_up: number of steps that are not timed.
        steps: number of timed steps.

    Returns:
        Seconds of each timed step, and the time of the monotonic clock after the very first step.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    model.train()
    seconds, first_done = [], 0.0
    for step in range(warm_up + steps):
        images, mask_true = batches[step % len(batches)]
        start = time.monotonic()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            logits = model(images)
        loss = bce_dice_loss(logits.float(), mask_true)
        loss.backward()
        optimizer.step()
        loss.item()
        seconds.append(time.monotonic() - start)
        first_done = first_done or time.monotonic()
    return seconds[warm_up:], first_done


def time_inference(settings: dict[str, Any]) -> dict[str, float]:
    """Time the networks of an ensemble on prepared slices, and on the same slices flipped; `benchmarks.inference`."""
    images = torch.from_numpy(np.load(settings["images"])).permute(0, 3, 1, 2)
    dtype = getattr(torch, settings["precision"])
    layout = {"dropout": 0.0, "dropout_from_level": LEVELS} | {key: settings[key] for key in ("filters", "residual")}
    networks = [UNet(channels=images.shape[1], **layout) for _ in range(settings["networks"])]
    for network in networks:
        network.eval().to(dtype=dtype, memory_format=torch.channels_last)

    def apply(batch: torch.Tensor) -> torch.Tensor:
        batch = batch.to(dtype=dtype, memory_format=torch.channels_last)
        return torch.stack([network(batch).float().sigmoid() for network in networks]).mean(dim=0)

    seconds, processor = [], []
    with torch.inference_mode():
        for _ in range(settings["repeats"] + 1):  # the first one is not counted
            began = time.monotonic(), time.process_time()
            for batch in images.split(settings["batch_size"]):
                (apply(batch) + apply(batch.flip(3)).flip(3)) / 2
            seconds.append(time.monotonic() - began[0])
            processor.append(time.process_time() - began[1])
    weights = sum(weights.numel() for network in networks for weights in network.parameters())
    return {"network_s": min(seconds[1:]), "network_cpu_s": min(processor[1:]), "weights": weights}


def main(settings: dict[str, Any]) -> None:
    """Time what the settings ask for, and print the results as JSON."""
    torch.set_num_threads(settings["threads"])
    if "images" in settings:
        print(json.dumps(time_inference(settings)))
        return
    torch.manual_seed(settings["seed"])
    arrays = np.load(settings["batches"])
    batches = [
        # A view without a copy, which PyTorch recognises as channels last.
        (torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(mask_true).permute(0, 3, 1, 2))
        for images, mask_true in zip(arrays["images"], arrays["masks"], strict=True)
    ]
    model = UNet(
        channels=batches[0][0].shape[1],
        filters=settings["filters"],
        dropout=settings["dropout"],
        dropout_from_level=settings["dropout_from_level"],
    ).to(memory_format=torch.channels_last)
    seconds, first_done = time_steps(
        model,
        batches,
        bfloat16=settings["precision"] == "bfloat16",
        warm_up=settings["warm_up"],
        steps=settings["steps"],
    )
    measured = {
        "start": first_done - settings["began"],
        "step": len(batches[0][0]) / float(np.median(seconds)),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
        "weights": sum(weights.numel() for weights in model.parameters() if weights.requires_grad),
        "version": torch.__version__,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
