/** The page against the golden cases, which the Python side wrote: golden/make_cases.py. */

import { expect, test } from "vitest";
import grids from "../golden/grids.json";
import names from "../golden/names.json";
import outlines from "../golden/outlines.json";
import resampling from "../golden/resampling.json";
import { doubtOf } from "../src/outline/doubt";
import { measure } from "../src/outline/measures";
import { Outline } from "../src/outline/outline";
import { Grid } from "../src/scan/grid";
import { type Triple } from "../src/scan/matrix";
import { parseName, safeName } from "../src/scan/names";
import { coverageOf, onto, sameGrid } from "../src/scan/resample";
import { invert, multiply } from "../src/scan/matrix";

/** The grey levels of the cases: 7 i + 31 j + 101 k, modulo 97, in the order of NIfTI. */
function values([nx, ny, nz]: Triple<number>): Float32Array {
  const stored = new Float32Array(nx * ny * nz);
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) stored[i + nx * (j + ny * k)] = (7 * i + 31 * j + 101 * k) % 97;
  }
  return stored;
}

function expectClose(found: ArrayLike<number>, expected: number[], tolerance: number): void {
  expect(found.length).toBe(expected.length);
  const worst = Math.max(...expected.map((value, n) => Math.abs(value - found[n])));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

test.each(grids)("orientation: $name", (golden) => {
  // Without an affine the arrays of Python are slices, rows, columns; those of the page columns, rows, slices.
  const shape = (golden.affine ? golden.shape : [...golden.shape].reverse()) as Triple<number>;
  const grid = new Grid(shape, golden.affine);
  if (golden.affine) expect(grid.axes).toEqual(golden.axes);
  expect(grid.flips).toEqual(golden.flips);
  expect(grid.networkShape).toEqual(golden.network_shape);
  expect(grid.resampled).toBe(golden.resampled);
  expect(grid.sliceStep).toBe(golden.slice_step);
  expect(grid.tiltDegrees).toBeCloseTo(golden.tilt_degrees, 4);
  if (golden.spacing_mm) expectClose(grid.spacingMm!, golden.spacing_mm, 1e-6);
  if (golden.voxel_ml) expect(grid.voxelMl).toBeCloseTo(golden.voxel_ml, 9);
  if (!golden.affine) return;
  expectClose(grid.toNetwork(values(shape)), golden.network, 1e-3);
  const stored = grid.turnBack(grid.maskToTurned(Uint8Array.from(golden.mask)));
  expect([...stored]).toEqual(golden.stored_mask);
});

test.each(resampling)("resampling: $name", (golden) => {
  const grid = new Grid(golden.shape as Triple<number>, golden.affine);
  const target = new Grid(golden.target_shape as Triple<number>, golden.target_affine);
  expect(sameGrid(grid, target)).toBe(golden.same_grid);
  const matrix = multiply(invert(golden.affine), golden.target_affine);
  expect(coverageOf(matrix, grid.shape, target.shape)).toBeCloseTo(golden.coverage, 9);
  const volume = { name: golden.name, grid, voxels: values(grid.shape), header: null, notes: [] };
  expectClose(onto("T1", volume, target).voxels, golden.resampled, 2e-3);
});

test.each(outlines)("outline: $name", (golden) => {
  const grid = new Grid(golden.shape as Triple<number>, golden.affine);
  const probability = Float32Array.from(golden.probability);
  const outline = new Outline(grid, probability, {
    threshold: golden.threshold,
    smallest_lesion: golden.smallest_lesion,
  });
  expect([...outline.mask]).toEqual(golden.mask);
  const found = measure(outline.mask, outline.probability, grid);
  const { measures } = golden;
  expect(found.voxels).toBe(measures.voxels);
  expect(found.lesions).toBe(measures.lesions);
  expect(found.largestLesionVoxels).toBe(measures.largest_lesion_voxels);
  expect(found.slicesWithTumour).toBe(measures.slices_with_tumour);
  expect(found.touchesBorder).toBe(measures.touches_border);
  expect(found.volumeMl).toBeCloseTo(measures.volume_ml, 3);
  expect(found.centroid?.map((value) => value.toFixed(1)).join(" ") ?? null).toBe(measures.centroid);
  const { boundingBox } = found;
  expect(boundingBox ? boundingBox.from.map((from, n) => `${from}:${boundingBox.to[n]}`).join(" ") : null).toBe(
    measures.bounding_box,
  );
  if (measures.mean_probability_inside !== null) {
    expect(found.meanProbabilityInside).toBeCloseTo(measures.mean_probability_inside, 4);
  }
  const doubt = doubtOf(outline)!;
  expect(doubt.value).toBeCloseTo(golden.doubt, 5);
  expect(doubt.reasons).toEqual(golden.reasons);
});

test.each(names)("name: %o", (golden) => {
  if (golden.file !== undefined) expect(parseName(golden.file)).toEqual({ case: golden.case, role: golden.role });
  else expect(safeName(golden.text)).toBe(golden.safe);
});
