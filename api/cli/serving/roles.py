"""What a process of the service can be, and the command of a Ray node."""

from typing import Literal

Role = Literal["all", "api", "controller"]


def ray_node(address: str, *, cpus: int | None = None, gpus: int | None = None) -> list[str]:
    """Module and arguments that make this machine a node of the cluster at ``address``."""
    command = ["ray.scripts.scripts", "start", f"--address={address}", "--block"]
    command += ["--disable-usage-stats"]
    command += [f"--num-cpus={cpus}"] if cpus is not None else []
    command += [f"--num-gpus={gpus}"] if gpus is not None else []
    return command
