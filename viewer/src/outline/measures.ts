/** Measures of an outline: the columns of predictions.csv, as in `brainseg/apply/measures.py`. */

import { type Grid } from "../scan/grid";
import { type Triple } from "../scan/matrix";

export interface Measures {
  /** Millilitres; null if the files do not say how large a voxel is. */
  volumeMl: number | null;
  voxels: number;
  lesions: number;
  largestLesionVoxels: number;
  slicesWithTumour: number;
  /** Indices of the stored array, from 0, in the order of its axes; null without a voxel. */
  centroid: Triple<number> | null;
  boundingBox: { from: Triple<number>; to: Triple<number> } | null;
  touchesBorder: boolean;
  meanProbabilityInside: number | null;
}

/** Measures a mask; both arrays are slices, rows, columns with the pixels as they are stored. */
export function measure(mask: Uint8Array, probability: Float32Array | null, grid: Grid): Measures {
  const [slices, rows, columns] = grid.turnedShape;
  const sum = [0, 0, 0];
  const [low, high] = [
    [Infinity, Infinity, Infinity],
    [-1, -1, -1],
  ];
  let [voxels, inside, slicesWithTumour, touchesBorder] = [0, 0, 0, false];
  for (let s = 0, n = 0; s < slices; s++) {
    const before = voxels;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, n++) {
        if (!mask[n]) continue;
        voxels++;
        inside += probability ? probability[n] : 0;
        touchesBorder ||= s === 0 || s === slices - 1 || r === 0 || r === rows - 1 || c === 0 || c === columns - 1;
        [s, r, c].forEach((index, axis) => {
          sum[axis] += index;
          low[axis] = Math.min(low[axis], index);
          high[axis] = Math.max(high[axis], index);
        });
      }
    }
    if (voxels > before) slicesWithTumour++;
  }
  const sizes = componentSizes(mask, grid.turnedShape);
  const found = voxels > 0;
  return {
    volumeMl: grid.voxelMl === null ? null : voxels * grid.voxelMl,
    voxels,
    lesions: sizes.length,
    largestLesionVoxels: sizes.reduce((most, size) => Math.max(most, size), 0), // too many for arguments of a call
    slicesWithTumour,
    centroid: found ? toStored(grid, sum.map((total) => total / voxels) as Triple<number>) : null,
    boundingBox: found ? boxToStored(grid, low as Triple<number>, high as Triple<number>) : null,
    touchesBorder,
    meanProbabilityInside: found && probability ? inside / voxels : null,
  };
}

/** A voxel in the middle of the largest slice of a mask, to look at first: slice, row, column; null without one. */
export function placeToLookAt(mask: Uint8Array, [slices, rows, columns]: Triple<number>): Triple<number> | null {
  const area = rows * columns;
  const counts = Array.from({ length: slices }, (_, s) =>
    mask.subarray(s * area, (s + 1) * area).reduce((a, b) => a + b, 0),
  );
  const slice = counts.indexOf(Math.max(...counts));
  if (counts[slice] === 0) return null;
  const inside: [row: number, column: number][] = [];
  for (let n = 0; n < area; n++) if (mask[slice * area + n]) inside.push([Math.floor(n / columns), n % columns]);
  const [row, column] = [0, 1].map((axis) => inside.reduce((sum, place) => sum + place[axis], 0) / inside.length);
  const distance = ([r, c]: [number, number]) => Math.hypot(r - row, c - column);
  return [slice, ...inside.reduce((best, place) => (distance(place) < distance(best) ? place : best))];
}

function toStored(grid: Grid, turned: Triple<number>): Triple<number> {
  const stored: Triple<number> = [0, 0, 0];
  grid.axes.forEach((axis, n) => (stored[axis] = grid.flips[n] ? grid.shape[axis] - 1 - turned[n] : turned[n]));
  return stored;
}

function boxToStored(grid: Grid, low: Triple<number>, high: Triple<number>): Measures["boundingBox"] {
  const [one, other] = [toStored(grid, low), toStored(grid, high)];
  return {
    from: one.map((value, n) => Math.min(value, other[n])) as Triple<number>,
    to: one.map((value, n) => Math.max(value, other[n]) + 1) as Triple<number>,
  };
}

/** Sizes of the connected components of a mask, 26 neighbours, in the order in which they begin. */
export function componentSizes(mask: Uint8Array, shape: Triple<number>): number[] {
  const sizes: number[] = [];
  visitComponents(mask, shape, (component) => sizes.push(component.length));
  return sizes;
}

/** A mask without the components of fewer than `smallest` voxels. */
export function removeSmallLesions(mask: Uint8Array, shape: Triple<number>, smallest: number): Uint8Array {
  const kept = mask.slice();
  if (smallest <= 1) return kept;
  visitComponents(mask, shape, (component) => {
    if (component.length < smallest) for (const n of component) kept[n] = 0;
  });
  return kept;
}

function visitComponents(
  mask: Uint8Array,
  [slices, rows, columns]: Triple<number>,
  visit: (voxels: number[]) => void,
): void {
  const seen = new Uint8Array(mask.length);
  for (let start = mask.indexOf(1); start >= 0; start = mask.indexOf(1, start + 1)) {
    if (seen[start]) continue;
    const component = [start];
    seen[start] = 1;
    for (let next = 0; next < component.length; next++) {
      const n = component[next];
      const [s, r, c] = [Math.floor(n / (rows * columns)), Math.floor(n / columns) % rows, n % columns];
      for (let ds = Math.max(s - 1, 0); ds <= Math.min(s + 1, slices - 1); ds++) {
        for (let dr = Math.max(r - 1, 0); dr <= Math.min(r + 1, rows - 1); dr++) {
          for (let dc = Math.max(c - 1, 0); dc <= Math.min(c + 1, columns - 1); dc++) {
            const m = (ds * rows + dr) * columns + dc;
            if (mask[m] && !seen[m]) {
              seen[m] = 1;
              component.push(m);
            }
          }
        }
      }
    }
    visit(component);
  }
}
