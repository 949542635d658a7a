/** Which grey levels are shown black and white. */

import { quantile } from "../scan/resample";

const WHITE_QUANTILE = 0.999; // of the grey levels; NiiVue's own is 0.98, and a tumour may have 2 % of the voxels
const MOST_SAMPLES = 2 ** 18; // sorting all voxels would take a second

/** The grey level that is shown white: above those of a tumour, but not that of a hot voxel. */
export function whiteLevel(image: Float32Array): number {
  const step = Math.ceil(image.length / MOST_SAMPLES);
  return quantile(
    image.filter((_, n) => n % step === 0),
    WHITE_QUANTILE,
  );
}
