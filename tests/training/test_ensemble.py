"""The mean history of several networks. Their training, `train_networks`, is covered by test_resume.py."""

import numpy as np
import pandas as pd

from brainseg.files import HISTORY_COLUMNS
from brainseg.training.ensemble import mean_history


def test_mean_history_is_over_the_networks_that_reached_the_epoch() -> None:
    first, second = (
        pd.DataFrame({"epoch": range(1, len(losses) + 1), **dict.fromkeys(list(HISTORY_COLUMNS)[1:], losses)})
        for losses in ([4.0, 2.0], [2.0, 1.0, 0.5])
    )
    mean = mean_history([first, second])
    assert mean.val_loss.tolist() == [3.0, 1.5, 0.5]
    assert mean.dtypes.to_dict() == {name: np.dtype(dtype) for name, dtype in HISTORY_COLUMNS.items()}
    pd.testing.assert_frame_equal(mean_history([first]), first)
