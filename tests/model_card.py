"""The card of a model, for tests."""

from typing import Any

from brainseg.imaging.preprocessing import channel_names
from brainseg.model.saving import ModelCard


def make_card(**changes: Any) -> ModelCard:
    """A card with all that a card can have, but for `changes`."""
    settings: dict[str, Any] = {
        "input_size": 32,
        "normalisation": "brain_zscore",
        "crop": "head",
        "context_slices": 1,
        "contralateral_flair": True,
        "backend": "tensorflow",
        "threads": 1,
        "precision": "float32",
        **changes,
    }
    names = channel_names(settings["context_slices"], settings["contralateral_flair"])
    return ModelCard(**settings, channels=names)
