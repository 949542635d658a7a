"""How the voxels of a scan lie in the patient, and the one rule that turns them to the network's orientation and back.

The network sees axial slices as in the Kaggle set: the first slice is the lowest, row 0 is anterior, and column 0 is
the patient's right. Affines map voxel indices to millimetres towards right, anterior and superior (RAS), as in nibabel.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]
Affine = NDArray[np.float64]  # shape (4, 4)

SQUARE_TOLERANCE = 0.01  # pixels whose sides differ by less count as square
SLICE_DISTANCE_MM = 5.0  # between neighbouring slices, as in most scans of the Kaggle set
CLOSE_SLICES_MM = 2.5  # slices nearer together are compared with neighbours further away


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The grid of a stored array.

    The storage axis nearest to superior-inferior becomes the slice axis. The other two become rows and columns,
    whichever way round is nearer to anterior-posterior and right-left. Axes are only permuted and flipped, in an
    oblique scan too. The columns run so that the head is not mirrored. If the pixels of a slice are not square by more
    than 1 %, slices are resampled linearly to square ones, as small as the shorter side.

    Attributes:
        shape: of the stored array.
        affine: from indices of the stored array to mm in RAS, shape (4, 4), float64; None if the spacing is unknown.
            The stored array is then (S, H, W) in the network's orientation already.
    """

    shape: Shape
    affine: Affine | None = None

    @cached_property
    def axes(self) -> tuple[int, int, int]:
        """The storage axes that become slices, rows and columns."""
        if self.affine is None:
            return 0, 1, 2
        right, anterior, superior = np.abs(self._directions)
        slices = int(np.argmax(superior))
        one, other = (axis for axis in range(3) if axis != slices)
        if anterior[one] + right[other] >= anterior[other] + right[one]:
            return slices, one, other
        return slices, other, one

    @cached_property
    def flips(self) -> tuple[bool, bool, bool]:
        """Whether slices, rows and columns run against the stored order."""
        if self.affine is None:
            return False, False, False
        slices, rows, columns = self.axes
        flip_slices, flip_rows = bool(self._directions[2, slices] < 0), bool(self._directions[1, rows] > 0)
        # Right to left, anterior to posterior and inferior to superior are right-handed in this order.
        handed = np.linalg.det(self._directions[:, [columns, rows, slices]]) > 0
        return flip_slices, flip_rows, bool(handed == (flip_slices != flip_rows))

    @cached_property
    def network_shape(self) -> Shape:
        """Slices, rows and columns in the network's orientation, with square pixels."""
        slices, rows, columns = (self.shape[axis] for axis in self.axes)
        if not self.resampled:
            return slices, rows, columns
        _, height, width = self._stored_spacing
        side = min(height, width)
        return slices, max(1, round(rows * height / side)), max(1, round(columns * width / side))

    @cached_property
    def resampled(self) -> bool:
        """Whether slices are resampled to square pixels."""
        if self.affine is None:
            return False
        _, height, width = self._stored_spacing
        return bool(max(height, width) > (1 + SQUARE_TOLERANCE) * min(height, width))

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Distance of slices, rows and columns in the network's orientation, mm; None if unknown."""
        if self.affine is None:
            return None
        stored = [self.shape[axis] for axis in self.axes]
        slices, rows, columns = (
            float(mm * before / after)
            for mm, before, after in zip(self._stored_spacing, stored, self.network_shape, strict=True)
        )
        return slices, rows, columns

    @cached_property
    def voxel_ml(self) -> float | None:
        """Volume of a stored voxel, ml; None if unknown."""
        return None if self.affine is None else float(abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    @cached_property
    def slice_step(self) -> int:
        """How many slices away the neighbours are that the network sees: about 5 mm where slices lie closer together.

        1 where slices are at least 2.5 mm apart, or at an unknown distance.
        """
        if self.spacing_mm is None or self.spacing_mm[0] >= CLOSE_SLICES_MM:
            return 1
        return round(SLICE_DISTANCE_MM / self.spacing_mm[0])

    @cached_property
    def tilt_degrees(self) -> float:
        """Angle between the axial plane and that of the slices, degrees; 0 if unknown."""
        if self.affine is None:
            return 0.0
        rows, columns = (self._directions[:, axis] for axis in self.axes[1:])
        normal = np.cross(rows, columns)
        return float(np.degrees(np.arccos(min(1.0, abs(normal[2]) / float(np.linalg.norm(normal))))))

    @cached_property
    def network_affine(self) -> Affine | None:
        """From slice, row and column in the network's orientation to mm in RAS, shape (4, 4); None if unknown."""
        if self.affine is None:
            return None
        to_stored = np.zeros((4, 4))
        to_stored[3, 3] = 1
        for position, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            step = self.shape[axis] / self.network_shape[position]
            first = (step - 1) / 2
            to_stored[axis, position] = -step if flip else step
            to_stored[axis, 3] = self.shape[axis] - 1 - first if flip else first
        result: Affine = self.affine @ to_stored
        return result

    def to_network(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn a stored array to the network's orientation.

        Args:
            array: shape `shape`, or with further axes behind; any real dtype or bool.

        Returns:
            Shape `network_shape`, with the same further axes; same dtype, or float32 if slices are resampled (bool: a
            voxel that is at least half inside). C-contiguous.

        Raises:
            ValueError: if the array has another shape.
        """
        if array.shape[:3] != self.shape:
            raise ValueError(f"array: expected shape {self.shape}, found {array.shape}")
        turned = array.transpose(*self.axes, *range(3, array.ndim))[self._order]
        return np.ascontiguousarray(_resize(turned, self.network_shape) if self.resampled else turned)

    def from_network(self, array: NDArray[Any]) -> NDArray[Any]:
        """Undo `to_network`, exactly unless slices are resampled.

        Args:
            array: shape `network_shape`, or with further axes behind; any real dtype or bool.

        Returns:
            Shape `shape`, with the same further axes; dtype as for `to_network`. C-contiguous.

        Raises:
            ValueError: if the array has another shape.
        """
        if array.shape[:3] != self.network_shape:
            raise ValueError(f"array: expected shape {self.network_shape}, found {array.shape}")
        if self.resampled:
            slices, rows, columns = (self.shape[axis] for axis in self.axes)
            array = _resize(array, (slices, rows, columns))
        stored = array[self._order].transpose(*np.argsort(self.axes), *range(3, array.ndim))
        return np.ascontiguousarray(stored)

    @property
    def _order(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        """Unit vectors along the storage axes, one in each column, shape (3, 3)."""
        assert self.affine is not None
        matrix: NDArray[np.float64] = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return matrix

    @cached_property
    def _stored_spacing(self) -> NDArray[np.float64]:
        """Distance of slices, rows and columns before they are resampled, mm, shape (3,)."""
        assert self.affine is not None
        spacing: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)[list(self.axes)]
        return spacing


def _resize(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Resample slices of shape (S, H, W, ...) linearly to another height and width; bool stays bool."""
    planes = array.reshape(*array.shape[:3], -1).astype(np.float32)
    size = shape[2], shape[1]
    resized = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])
    resized = resized.reshape(*shape, *array.shape[3:])
    return np.asarray(resized >= 0.5) if array.dtype == np.bool_ else resized
