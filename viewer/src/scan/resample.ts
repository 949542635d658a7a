/** The other sequences onto the grid of FLAIR, by their affines, as in `brainseg/scans/resampling.py`. */

import { type Grid } from "./grid";
import { type Triple, apply, columnLengths, invert, multiply } from "./matrix";
import { type Volume } from "./nifti";
import { cornerDistance } from "./niftiaffine";
import { Problem } from "./problem";

const SAME_GRID = 0.1; // of the shortest side of a voxel; grids whose corners differ by less are the same
const AIR_QUANTILE = 0.1; // of the grey levels; the level of what lies outside a sequence
const SMALLEST_COVERAGE = 0.5;
const FULL_COVERAGE = 0.98; // of the voxels of FLAIR

/** Whether two grids have the same shape and their corners are in the same places. */
export function sameGrid(one: Grid, other: Grid): boolean {
  if (String(one.shape) !== String(other.shape) || !one.affine !== !other.affine) return false;
  if (!one.affine || !other.affine) return true;
  return cornerDistance(one.affine, other.affine, one.shape) <= SAME_GRID * Math.min(...columnLengths(one.affine));
}

/** Voxels of a sequence on the grid of FLAIR, resampled linearly if the grids differ; with notes. */
export function onto(sequence: string, volume: Volume, target: Grid): { voxels: Float32Array; notes: string[] } {
  if (sameGrid(volume.grid, target)) return { voxels: Float32Array.from(volume.voxels), notes: volume.notes };
  if (!volume.grid.affine || !target.affine) {
    throw new Problem(`${volume.name}: another size than FLAIR. Expected: pictures of one size.`);
  }
  const matrix = multiply(invert(volume.grid.affine), target.affine);
  const coverage = coverageOf(matrix, volume.grid.shape, target.shape);
  if (coverage < SMALLEST_COVERAGE) {
    throw new Problem(
      `${volume.name}: it covers ${percent(coverage)} of FLAIR. Expected: the same head in the same coordinates. ` +
        "Register it to FLAIR first, or leave it out: FLAIR alone is enough.",
    );
  }
  const outside = coverage < FULL_COVERAGE ? ` It covers ${percent(coverage)} of FLAIR.` : "";
  return {
    voxels: interpolate(volume, matrix, target.shape),
    notes: [...volume.notes, `${sequence} was resampled onto the grid of FLAIR.${outside}`],
  };
}

function interpolate({ voxels, grid }: Volume, matrix: number[][], shape: Triple<number>): Float32Array {
  const [nx, ny, nz] = grid.shape;
  const air = quantile(voxels, AIR_QUANTILE);
  const result = new Float32Array(shape[0] * shape[1] * shape[2]);
  const inside = (value: number, length: number) => value >= 0 && value <= length - 1;
  let out = 0;
  for (let k = 0; k < shape[2]; k++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let i = 0; i < shape[0]; i++, out++) {
        const [x, y, z] = snap(apply(matrix, [i, j, k]));
        if (!inside(x, nx) || !inside(y, ny) || !inside(z, nz)) {
          result[out] = air;
          continue;
        }
        const [x0, y0, z0] = [Math.floor(x), Math.floor(y), Math.floor(z)];
        const [fx, fy, fz] = [x - x0, y - y0, z - z0];
        let sum = 0;
        for (let corner = 0; corner < 8; corner++) {
          const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
          const weight = (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (dz ? fz : 1 - fz);
          if (weight > 0) sum += weight * voxels[x0 + dx + nx * (y0 + dy + ny * (z0 + dz))];
        }
        result[out] = sum;
      }
    }
  }
  return result;
}

/** Removes rounding errors that would put a voxel on the border outside. */
function snap(position: Triple<number>): Triple<number> {
  return position.map((value) => {
    const whole = Math.round(value);
    return Math.abs(value - whole) < 1e-9 ? whole : value;
  }) as Triple<number>;
}

/** Fraction of the target's voxels that lie inside a grid, from a sample of at most 32 along each axis. */
export function coverageOf(matrix: number[][], shape: Triple<number>, target: Triple<number>): number {
  const steps = target.map((length) => {
    const count = Math.min(length, 32);
    return Array.from({ length: count }, (_, n) => (count === 1 ? 0 : Math.round((n * (length - 1)) / (count - 1))));
  });
  let inside = 0;
  for (const i of steps[0]) {
    for (const j of steps[1]) {
      for (const k of steps[2]) {
        const point = apply(matrix, [i, j, k]);
        if (point.every((value, axis) => value >= -0.5 && value <= shape[axis] - 0.5)) inside++;
      }
    }
  }
  return inside / (steps[0].length * steps[1].length * steps[2].length);
}

/** A quantile with linear interpolation, as NumPy's. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float32Array.from(values).sort();
  const position = share * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
