"""The content of model.json: what a program needs to know to use a bundle.

Names are those of MONAI's metadata (https://docs.monai.io/en/stable/mb_specification.html) where they fit; a bundle of
MONAI it is not, because that has a network of PyTorch.
"""

from importlib.metadata import version
from typing import Any

from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE
from brainseg.export.card import CODE_LICENCE, NAME, NOT_FOR_DIAGNOSIS
from brainseg.export.facts import Facts
from brainseg.imaging.volume import SEQUENCES
from brainseg.metrics.bootstrap import interval

SOURCES = {
    "published": KAGGLE_PAGE,
    "synthetic": "synthetic patients, made by brainseg phantom",
    "other": "not published",
}
REFERENCES = [
    "Ronneberger, Fischer, Brox 2015: U-Net: convolutional networks for biomedical image segmentation",
    "Buda, Saha, Mazurowski 2019, doi:10.1016/j.compbiomed.2019.05.002",
]


def make_metadata(facts: Facts) -> dict[str, Any]:
    """Make the content of model.json, without the digests of the files."""
    scores = {name: interval(facts.patients[name]) for name in ("dice", "sensitivity", "precision")}
    return {
        "name": NAME,
        "version": version("brain-segmentation"),
        "task": "segmentation of the FLAIR abnormality of lower-grade gliomas in brain MRI",
        "description": f"{facts.networks} U-Net with its preprocessing",
        "intended_use": NOT_FOR_DIAGNOSIS,
        "licence": {"code": CODE_LICENCE, "weights": facts.params.package.weights_licence},
        "data_source": SOURCES[facts.source],
        "data_type": "MRI",
        "image_classes": "T1 before contrast agent, FLAIR, T1 after contrast agent; a missing one is replaced by FLAIR",
        "label_classes": "1 = FLAIR abnormality",
        "pred_classes": "probability of the FLAIR abnormality",
        "eval_metrics": {
            f"{name}_{key}": None if number != number else round(number, 6)
            for name, mean in scores.items()
            for key, number in (("mean", mean.value), ("ci_low", mean.ci_low), ("ci_high", mean.ci_high))
        },
        "references": REFERENCES,
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MR",
                    "num_channels": len(SEQUENCES),
                    "spatial_shape": ["slices", "height", "width"],
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": False,
                    "channel_def": {str(number): name for number, name in enumerate(SEQUENCES)},
                },
                "slice_step": {"type": "number of slices that are about 5 mm, at least 1", "dtype": "int64"},
            },
            "outputs": {
                "probability": {
                    "type": "probabilities",
                    "format": "segmentation",
                    "num_channels": 1,
                    "spatial_shape": ["slices", "height", "width"],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": {"0": "FLAIR abnormality"},
                }
            },
        },
        "operating_point": {
            "threshold": facts.point.threshold,
            "smallest_lesion": facts.point.smallest_lesion,
            "flip": facts.params.predict.test_time_flip,
        },
    }
