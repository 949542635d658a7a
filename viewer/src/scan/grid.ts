/**
 * How the voxels of a scan lie in the patient, and the one rule that turns them to the network's orientation and back.
 *
 * The same rule as `brainseg/scans/grid.py`, which explains it; `golden/grids.json` holds both to the same answers.
 * Stored arrays are in the order of NIfTI (the first axis fastest); the network's are slices, rows, columns (C order).
 */

import { type Affine, type Triple, columnLengths, determinant, multiply } from "./matrix";
import { resizeSlices, roundHalfEven } from "./resize";

export type Voxels = Float32Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

const SQUARE_TOLERANCE = 0.01; // pixels whose sides differ by less count as square
const SLICE_DISTANCE_MM = 5; // between neighbouring slices, as in most scans of the Kaggle set
const CLOSE_SLICES_MM = 2.5; // slices nearer together are compared with neighbours further away

export class Grid {
  /** The storage axes that become slices, rows and columns. */
  readonly axes: Triple<number>;
  /** Whether slices, rows and columns run against the stored order. */
  readonly flips: Triple<boolean>;
  /** Whether slices are resampled to square pixels. */
  readonly resampled: boolean;
  /** Slices, rows and columns in the network's orientation, with square pixels. */
  readonly networkShape: Triple<number>;
  /** The same before slices are resampled. */
  readonly turnedShape: Triple<number>;
  readonly #directions: number[][];

  /** `affine` is null if the spacing is unknown; the stored axes are then columns, rows and slices already. */
  constructor(
    readonly shape: Triple<number>,
    readonly affine: Affine | null,
  ) {
    const lengths = affine && columnLengths(affine);
    this.#directions = affine && lengths ? [0, 1, 2].map((r) => lengths.map((mm, j) => affine[r][j] / mm)) : [];
    this.axes = this.#chooseAxes();
    this.flips = this.#chooseFlips();
    this.turnedShape = this.axes.map((axis) => shape[axis]) as Triple<number>;
    const [, height, width] = this.axes.map((axis) => lengths?.[axis] ?? 1);
    this.resampled = Math.max(height, width) > (1 + SQUARE_TOLERANCE) * Math.min(height, width);
    const side = Math.min(height, width);
    const [slices, rows, columns] = this.turnedShape;
    this.networkShape = this.resampled
      ? [
          slices,
          Math.max(1, roundHalfEven((rows * height) / side)),
          Math.max(1, roundHalfEven((columns * width) / side)),
        ]
      : [slices, rows, columns];
  }

  /** Distance of slices, rows and columns with the pixels as they are stored, mm; null if unknown. */
  get storedSpacingMm(): Triple<number> | null {
    const lengths = this.affine && columnLengths(this.affine);
    return lengths && (this.axes.map((axis) => lengths[axis]) as Triple<number>);
  }

  /** The same for the square pixels that the network sees. */
  get spacingMm(): Triple<number> | null {
    const stored = this.storedSpacingMm;
    return stored?.map((mm, n) => (mm * this.turnedShape[n]) / this.networkShape[n]) as Triple<number> | null;
  }

  /** Volume of a stored voxel, ml; null if unknown. */
  get voxelMl(): number | null {
    return this.affine && Math.abs(determinant(this.affine)) / 1000;
  }

  /** How many slices away the neighbours are that the network sees. */
  get sliceStep(): number {
    const mm = this.spacingMm?.[0];
    return mm === undefined || mm >= CLOSE_SLICES_MM ? 1 : roundHalfEven(SLICE_DISTANCE_MM / mm);
  }

  /** Angle between the axial plane and that of the slices, degrees; 0 if unknown. */
  get tiltDegrees(): number {
    if (!this.affine) return 0;
    const [rows, columns] = this.axes.slice(1).map((axis) => this.#directions.map((row) => row[axis]));
    const normal = [0, 1, 2].map((i) => {
      const [j, k] = [(i + 1) % 3, (i + 2) % 3];
      return rows[j] * columns[k] - rows[k] * columns[j];
    });
    return (Math.acos(Math.min(1, Math.abs(normal[2]) / Math.hypot(...normal))) * 180) / Math.PI;
  }

  /** From slice, row and column of the turned array, not resampled, to mm in RAS; null if unknown. */
  get turnedAffine(): Affine | null {
    if (!this.affine) return null;
    const toStored = [0, 1, 2, 3].map((r) => [0, 0, 0, r === 3 ? 1 : 0]);
    this.axes.forEach((axis, position) => {
      toStored[axis][position] = this.flips[position] ? -1 : 1;
      toStored[axis][3] = this.flips[position] ? this.shape[axis] - 1 : 0;
    });
    return multiply(this.affine, toStored);
  }

  /** Turns a stored array: slices, rows, columns, with the pixels as they are stored. */
  turn<T extends Voxels>(stored: T): T {
    const turned = new (stored.constructor as new (length: number) => T)(stored.length);
    this.#forEach((from, to) => (turned[to] = stored[from]));
    return turned;
  }

  /** Undoes `turn`. */
  turnBack<T extends Voxels>(turned: T): T {
    const stored = new (turned.constructor as new (length: number) => T)(turned.length);
    this.#forEach((to, from) => (stored[to] = turned[from]));
    return stored;
  }

  /** Turns a stored array to the network's orientation, with square pixels. */
  toNetwork(stored: Voxels): Float32Array {
    const turned = Float32Array.from(this.turn(stored));
    return this.resampled ? resizeSlices(turned, this.turnedShape, this.networkShape) : turned;
  }

  /** From the network's square pixels to those that are stored, still slices, rows, columns. */
  toTurned(network: Float32Array): Float32Array {
    return this.resampled ? resizeSlices(network, this.networkShape, this.turnedShape) : network;
  }

  /** The same for a mask: a voxel that is at least half inside. */
  maskToTurned(network: Uint8Array): Uint8Array {
    if (!this.resampled) return network;
    const share = this.toTurned(Float32Array.from(network));
    return new Uint8Array(share.length).map((_, n) => (share[n] >= 0.5 ? 1 : 0));
  }

  #forEach(visit: (stored: number, turned: number) => void): void {
    const strides = [1, this.shape[0], this.shape[0] * this.shape[1]];
    const steps = this.axes.map((axis, n) => (this.flips[n] ? -strides[axis] : strides[axis]));
    const first = this.axes.reduce(
      (sum, axis, n) => sum + (this.flips[n] ? (this.shape[axis] - 1) * strides[axis] : 0),
      0,
    );
    const [slices, rows, columns] = this.turnedShape;
    let turned = 0;
    for (let s = 0; s < slices; s++) {
      for (let r = 0; r < rows; r++) {
        let stored = first + s * steps[0] + r * steps[1];
        for (let c = 0; c < columns; c++, stored += steps[2]) visit(stored, turned++);
      }
    }
  }

  #chooseAxes(): Triple<number> {
    if (!this.affine) return [2, 1, 0];
    const [right, anterior, superior] = this.#directions.map((row) => row.map(Math.abs));
    const slices = superior.indexOf(Math.max(...superior));
    const [one, other] = [0, 1, 2].filter((axis) => axis !== slices);
    return anterior[one] + right[other] >= anterior[other] + right[one] ? [slices, one, other] : [slices, other, one];
  }

  #chooseFlips(): Triple<boolean> {
    if (!this.affine) return [false, false, false];
    const [slices, rows, columns] = this.axes;
    const flipSlices = this.#directions[2][slices] < 0;
    const flipRows = this.#directions[1][rows] > 0;
    // Right to left, anterior to posterior and inferior to superior are right-handed in this order.
    const handed = determinant(this.#directions.map((row) => [row[columns], row[rows], row[slices]])) > 0;
    return [flipSlices, flipRows, handed === (flipSlices !== flipRows)];
  }
}
