"""Speed of networks that find objects by embeddings: images a second, weights and memory.

    python -m benchmarks.instance_speed [--device cpu] [--sizes 64x128 128x256 256x512]
        [--repeats 3] [--networks ENet SegNet ...]

The four networks that De Brabandere et al. (2017) compare on Cityscapes, and two of today; 19 classes,
embeddings of 8 channels, one image at a time. Sizes unless told are those of a CPU; 256x512, 512x1024 and
1024x2048 on a GPU, which computes in half precision as predictions do.

The forward pass is that of a prediction, with heads and logits at full size, without reading and
normalising the image. Weights are random, and the embeddings of an untrained network are no objects; so
what is clustered after the forward pass is drawn, the same for every network: 24 boxes of eight thing
classes on a fifth of the image, their means from a normal distribution of deviation 3, pixels about them
of deviation 0.1. It is mean-shift of radius 1.5 over each class. Times are medians after one run to warm
up; on the CPU they are seconds that one thread computes, whatever else the machine does.
Memory is the weights and, beyond them, the peak of tensors alive during one forward pass.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.memory import peak_bytes
from benchmarks.tasks import NETWORKS as SMALL
from benchmarks.tasks import circumstances
from surrogate_zoo.needs import EMBEDDINGS
from workers.instances.cluster import cluster
from workers.instances.found import Found
from workers.learning.device import autocast
from workers.learning.learner import initial_network
from workers.networks.heads import WithHeads
from workers.tasks.instances import ClusteringSpec
from workers.tasks.networks import NetworkSpec

CLASSES, CHANNELS = 19, 8
THINGS = range(11, 19)
GRID = (4, 6)  # of boxes
SHARE = 0.2  # of the image that they cover
MEGABYTE = 2**20
COLUMNS = (
    "network",
    "size",
    "weights, M",
    "forward, ms",
    "images/s",
    "images/s with clustering",
    "memory, MB",
)
SIZES: Mapping[str, Sequence[str]] = {
    "cpu": ("64x128", "128x256", "256x512"),
    "cuda": ("256x512", "512x1024", "1024x2048"),
}


def _embedding(**values: object) -> NetworkSpec:
    return NetworkSpec.model_validate({"embedding": CHANNELS, "encoder": None} | values)


NETWORKS: Mapping[str, NetworkSpec] = {
    "ENet": _embedding(architecture="ENet"),
    "SegNet": _embedding(architecture="SegNet"),
    "Dilation10": _embedding(architecture="Dilation10"),
    "wide ResNet-38": _embedding(architecture="WideResNet38"),
    "DeepLabv3+, ResNet-50": _embedding(architecture="DeepLabV3Plus", encoder="resnet50"),
    "DeepLabv3+, Lite0": _embedding(**(SMALL["lite0"] | {"weights": None})),
}


def main() -> None:
    """Print a Markdown table, one row a network and a size."""
    arguments = _arguments()
    torch.set_num_threads(1)
    on_gpu = arguments.device == "cuda"
    where = torch.cuda.get_device_name() if on_gpu else "one CPU thread"
    print(f"{where}; {circumstances()}; medians of {arguments.repeats}\n")
    sizes = [_size(text) for text in arguments.sizes or SIZES[arguments.device]]
    for size in sizes:
        work = [clustering(size, arguments.device)]
        [seconds] = median_seconds(work, arguments.repeats, arguments.device)
        print(f"clustering alone, {size[0]}x{size[1]}: {1e3 * seconds:.1f} ms")
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for title in arguments.networks:
        network = initial_network(NETWORKS[title], CLASSES, seed=0).eval()
        # torch's annotations of Module.to lack the memory format.
        network.to(arguments.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for size in sizes:
            print(row(title, network, size, arguments.device, arguments.repeats), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time networks that find objects by embeddings.")
    parser.add_argument("--device", choices=list(SIZES), default="cpu")
    parser.add_argument("--sizes", nargs="+", metavar="HxW", help="multiples of 32 each")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


def row(title: str, network: nn.Module, size: tuple[int, int], device: str, repeats: int) -> str:
    """A network's row of the table at one size."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((1, 3, *size), generator=generator).to(device)
    forward = forward_pass(network, images.contiguous(memory_format=torch.channels_last))
    seconds, whole = median_seconds([forward, clustering(size, device)], repeats, device)
    memory = (held_bytes(network) + peak_bytes(forward, device)) / MEGABYTE
    weights = sum(one.numel() for one in network.parameters())
    return (
        f"| {title} | {size[0]}x{size[1]} | {weights / 1e6:.2f} | {1e3 * seconds:.1f} | "
        f"{1 / seconds:.2f} | {1 / whole:.2f} | {memory:.0f} |"
    )


def held_bytes(network: nn.Module) -> int:
    """Bytes of a network's weights and statistics."""
    tensors = (*network.parameters(), *network.buffers())
    return sum(one.numel() * one.element_size() for one in tensors)


def forward_pass(
    network: nn.Module, images: Tensor
) -> Callable[[], tuple[Tensor, dict[str, Tensor]]]:
    """What computes logits and embeddings of normalised images, as a prediction does."""
    headed = WithHeads(network, [EMBEDDINGS])

    def run() -> tuple[Tensor, dict[str, Tensor]]:
        with torch.inference_mode(), autocast(images.device):
            outputs: tuple[Tensor, dict[str, Tensor]] = headed(images)
        return outputs

    return run


def clustering(size: tuple[int, int], device: str) -> Callable[[], Found]:
    """What finds the objects of :func:`scene`."""
    embeddings, classes = (part.to(device) for part in scene(size))
    return partial(cluster, embeddings, classes, THINGS, ClusteringSpec(), seed=0)


def scene(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Embeddings float32 (8, H, W) and classes int64 (H, W) of an image with 24 boxes."""
    random = np.random.default_rng(0)
    height, width = size
    numbers = np.zeros(size, dtype=np.int64)
    cell = (height // GRID[0], width // GRID[1])
    box = tuple(round(side * SHARE**0.5) for side in cell)
    for number in range(GRID[0] * GRID[1]):
        top, left = (number // GRID[1]) * cell[0], (number % GRID[1]) * cell[1]
        numbers[top : top + box[0], left : left + box[1]] = number + 1
    means = 3 * random.standard_normal((numbers.max() + 1, CHANNELS))
    points = means[numbers] + 0.1 * random.standard_normal((*size, CHANNELS))
    classes = np.where(numbers > 0, THINGS[0] + numbers % len(THINGS), 0)
    return torch.from_numpy(points).float().permute(2, 0, 1).contiguous(), torch.from_numpy(classes)


def median_seconds(
    stages: Sequence[Callable[[], object]], repeats: int, device: str
) -> list[float]:
    """Median seconds until each of ``stages`` is over, which run one after the other.

    They are run once more before to warm up. On the CPU, where all is computed by one thread, seconds
    of the processor are counted: other work on the machine lengthens them little.
    """
    clock = time.perf_counter if device == "cuda" else time.process_time
    times = np.empty((repeats + 1, len(stages)))
    for number in range(repeats + 1):
        start = clock()
        for stage, work in enumerate(stages):
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            times[number, stage] = clock() - start
    medians: list[float] = np.median(times[1:], axis=0).tolist()
    return medians


if __name__ == "__main__":
    main()
