"""Property tests repeat the same examples on every machine, however slow it is."""

import torch
from hypothesis import settings

settings.register_profile("lossfit", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("lossfit")
torch.set_num_threads(1)  # the tensors here are small: threads would only wait for each other
