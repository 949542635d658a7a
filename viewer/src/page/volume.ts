/** From our arrays to those of NiiVue and back. */

import { NVImage } from "@niivue/niivue";
import { Grid } from "../scan/grid";
import { writeNifti } from "../scan/nifti";

const UNKNOWN_ASPECT = 5 / 240; // distance of slices over the width of a slice, as in most scans of the Kaggle set

/** NiiVue's volume: towards right, anterior, superior. An oblique scan is drawn straight, as the network sees it. */
export function makeVolume(turned: Float32Array, grid: Grid, colormap: string): Promise<NVImage> {
  const [slices, rows, columns] = grid.turnedShape;
  const [thick, high, wide] = grid.storedSpacingMm ?? [columns * UNKNOWN_ASPECT, 1, 1];
  const affine = [
    [wide, 0, 0, (-wide * (columns - 1)) / 2],
    [0, high, 0, (-high * (rows - 1)) / 2],
    [0, 0, thick, (-thick * (slices - 1)) / 2],
    [0, 0, 0, 1],
  ];
  const file = writeNifti(flipped(turned, grid), new Grid([columns, rows, slices], affine), null);
  return NVImage.loadFromFile({ file: new File([file], "scan.nii"), name: "scan.nii", colormap });
}

/** From slices, rows, columns to NiiVue's right, anterior, superior, and back: rows and columns run the other way. */
export function flipped<T extends Uint8Array | Float32Array>(array: T, grid: Grid): T {
  const [, rows, columns] = grid.turnedShape;
  const result = array.slice() as T;
  for (let at = 0; at < result.length; at += rows * columns) result.subarray(at, at + rows * columns).reverse();
  return result;
}
