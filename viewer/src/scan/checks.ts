/** Checks of grey levels, as in `brainseg/scans/checks.py`. */

import { Problem } from "./problem";

export const MAX_VOXELS = 2 ** 25; // of a sequence, such as 512 slices of 256 x 256; a browser tab has a few GB
const MAX_GREY_LEVEL = 1e30;
const CT_AIR = [-1100, -900]; // Hounsfield units
const CT_FRACTION = 0.05; // of the voxels
const FEW_VALUES = 12; // an image has more grey levels; a mask or label map has not

/** Refuses voxels that cannot be an MR image: NaN, all equal, CT, or a mask. */
export function checkGreyLevels(name: string, voxels: ArrayLike<number>): void {
  let [low, high, bad, air] = [Infinity, -Infinity, 0, 0];
  const seen = new Set<number>();
  for (let n = 0; n < voxels.length; n++) {
    const value = voxels[n];
    if (!(Math.abs(value) <= MAX_GREY_LEVEL)) bad++;
    if (value < low) low = value;
    if (value > high) high = value;
    if (value >= CT_AIR[0] && value <= CT_AIR[1]) air++;
    if (seen.size <= FEW_VALUES) seen.add(value);
  }
  if (bad > 0) {
    throw new Problem(
      `${name}: ${bad.toLocaleString("en")} of ${voxels.length.toLocaleString("en")} voxels are NaN, infinite or beyond ${MAX_GREY_LEVEL}. Expected: finite ` +
        "numbers. Find out what they stand for; replace them by 0 if it is air.",
    );
  }
  if (low === high) throw new Problem(`${name}: all voxels are ${low}. Expected: an MR image.`);
  if (air >= CT_FRACTION * voxels.length) {
    throw new Problem(
      `${name}: ${Math.round((100 * air) / voxels.length)} % of the voxels are between ${CT_AIR[0]} and ${CT_AIR[1]}, ` +
        "as air in CT. Expected: MR images. The model cannot read CT.",
    );
  }
  if (seen.size <= FEW_VALUES) {
    throw new Problem(
      `${name}: only ${seen.size} different values, as in a mask. Expected: an MR image. Name the image itself.`,
    );
  }
}
