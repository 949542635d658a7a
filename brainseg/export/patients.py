"""What a faster precision changes in the outlines of real patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.errors import UserError
from brainseg.export.agreement import Agreement
from brainseg.export.formats import Predict, Source
from brainseg.metrics.overlap import count
from brainseg.prediction.inference import predict_image
from brainseg.scans.case_source import CaseSource
from brainseg.scans.cases import read_scan
from brainseg.terminal import printable

DICE_BOUND = 0.002  # of the difference between the mean Dice in two precisions


@dataclass(frozen=True, kw_only=True)
class PatientAgreement(Agreement):
    """How far an exported file is from Keras in float32, on real patients.

    Attributes:
        patients: number of patients with tumour in the reference mask.
        left_out: number of patients without, whose Dice has no meaning.
        dice_float32: mean Dice of Keras.
        dice: mean Dice of the file.
        dice_difference: the second minus the first.
        largest_dice_difference: between Keras and the file, of one patient.
    """

    patients: int
    left_out: int
    dice_float32: float
    dice: float
    dice_difference: float
    largest_dice_difference: float

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says about it."""
        return {"patients_compared": str(self.patients), "dice_difference": f"{self.dice_difference:.6f}"}

    def __str__(self) -> str:
        """The figures in a sentence."""
        return (
            f"On {self.patients} patients, mean Dice is {self.dice_float32:.4f} in float32 and {self.dice:.4f} in this "
            f"file, a difference of {self.dice_difference:+.5f}, {self.largest_dice_difference:.5f} at most for one "
            f"patient. {self.differences}"
        )


def compare_on_patients(
    predict: Predict, source: Source, cases: Sequence[CaseSource], tell: Callable[[str], None] = print
) -> PatientAgreement:
    """Compare an exported file with Keras in float32, on patients with reference masks.

    Args:
        predict: runs the file.
        source: what was exported.
        cases: from `brainseg.export.precision.find_patients`.
        tell: takes a line of text for each patient.

    Raises:
        UserError: if mean Dice differs by more than `DICE_BOUND`, a patient cannot be read, or none has tumour.
    """
    dice: list[tuple[float, float]] = []
    furthest, differing, voxels = 0.0, 0, 0
    for case in cases:
        scan = read_scan(case, with_masks=True)
        name = printable(case.case_id)
        if scan.mask_true is None:
            raise UserError(f"--patients: {name}: its reference mask does not fit. {' '.join(scan.notes)}")
        step, positions = scan.slice_step, np.arange(len(scan.image))
        keras = predict_image(
            source.model,
            source.card,
            scan.image,
            positions,
            batch_size=16,
            test_time_flip=source.flip,
            slice_step=step,
        )
        found = predict(scan.image.astype(np.float32), slice_step=step)
        masks = source.point.mask_of(keras), source.point.mask_of(found)
        furthest = float(np.maximum(furthest, np.abs(found - keras).max()))  # keeps NaN
        differing += int((masks[0] != masks[1]).sum())
        voxels += int(masks[0].sum())
        if scan.mask_true.any():
            before, after = (count(mask_true=scan.mask_true, mask_pred=mask).dice for mask in masks)
            dice.append((before, after))
            tell(f"{name}: Dice {before:.4f} in float32, {after:.4f} in {source.precision}")
    if not dice:
        raise UserError(f"--patients: none of {len(cases)} has tumour in its reference mask. Expected: at least one")
    means = np.mean(dice, axis=0)
    agreement = PatientAgreement(
        largest_difference=furthest,
        differing_voxels=differing,
        voxels=voxels,
        patients=len(dice),
        left_out=len(cases) - len(dice),
        dice_float32=float(means[0]),
        dice=float(means[1]),
        dice_difference=float(means[1] - means[0]),
        largest_dice_difference=float(np.abs(np.diff(dice, axis=1)).max()),
    )
    if not (abs(agreement.dice_difference) <= DICE_BOUND and np.isfinite(furthest)):
        raise UserError(
            f"--precision {source.precision} changes the outlines too much. {agreement}. Expected: a mean Dice within "
            f"{DICE_BOUND:g} of float32. Nothing was written; --precision float32 has no such bound"
        )
    return agreement
