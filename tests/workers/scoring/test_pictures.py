"""Pictures of predictions beside image and truth."""

import numpy as np
import torch

from tests.workers.scoring.test_inference import Brightness, samples
from workers.datasets.reports.picture import palette
from workers.learning.image_stack import stack_by_size
from workers.scoring.pictures import draw_predictions


def test_rows_show_image_truth_and_prediction() -> None:
    of = samples(*[(32, 64)] * 6, (32, 32))
    picture = draw_predictions(Brightness(), stack_by_size(of, torch.device("cpu"), range(7)))
    assert picture.size == (3 * 64 * 5, 4 * 160)
    pixels = np.asarray(picture)[2::5, 2::5]  # one pixel of each enlarged one
    image, truth, prediction = pixels[:32, :64], pixels[:32, 64:128], pixels[:32, 128:]
    np.testing.assert_array_equal(image, of.images[0])
    np.testing.assert_array_equal(truth, palette()[of.masks[0]])
    np.testing.assert_array_equal(prediction, truth)


def test_classes_have_colours_of_their_own() -> None:
    assert len({tuple(colour) for colour in palette()[:30]}) == 30
    assert tuple(palette()[255]) == (255, 255, 255)
