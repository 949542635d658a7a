/** What a person keeps: files made in the page and handed to the browser's download. */

import { doubtOf } from "../outline/doubt";
import { type Measures } from "../outline/measures";
import { type Outline } from "../outline/outline";
import { gzip } from "../scan/bytes";
import { type Scan } from "../scan/case";
import { safeName } from "../scan/names";
import { writeNifti } from "../scan/nifti";
import { writeTiff } from "../scan/tiff";
import { zip } from "../scan/zip";

/** The outline in the form of the input: NIfTI on its grid, or a TIFF for each slice. */
export async function maskFile(scan: Scan, mask: Uint8Array): Promise<[name: string, content: Blob]> {
  if (isPictures(scan)) {
    const values = mask.map((value) => value * 255);
    return [`${scan.case.id}_mask.zip`, zip(pictureFiles(scan, values, "mask"))];
  }
  const file = writeNifti(scan.grid.turnBack(mask), scan.grid, scan.flair.header);
  return [`${scan.case.id}_mask.nii.gz`, await gzip(file)];
}

/** The probabilities in the same form, float32. */
export async function probabilityFile(scan: Scan, probability: Float32Array): Promise<[name: string, content: Blob]> {
  if (isPictures(scan)) return [`${scan.case.id}_probability.zip`, zip(pictureFiles(scan, probability, "probability"))];
  const file = writeNifti(scan.grid.turnBack(probability), scan.grid, scan.flair.header);
  return [`${scan.case.id}_probability.nii.gz`, await gzip(file)];
}

/** The columns of predictions.csv, and whether the outline was corrected by hand. */
export function numbersFile(scan: Scan, outline: Outline, measures: Measures): [name: string, content: Blob] {
  const { centroid, boundingBox } = measures;
  const doubt = doubtOf(outline);
  const fixed = (value: number | null, digits: number) => (value === null ? "" : String(Number(value.toFixed(digits))));
  const sequences = (["pre-contrast", "flair", "post-contrast"] as const).filter(
    (name) => !scan.missing.includes(name),
  );
  const row: Record<string, string> = {
    case: scan.case.id,
    volume_ml: fixed(measures.volumeMl, 3),
    voxels: String(measures.voxels),
    lesions: String(measures.lesions),
    largest_lesion_voxels: String(measures.largestLesionVoxels),
    slices_with_tumour: String(measures.slicesWithTumour),
    centroid: centroid
      ? storedOrder(scan, centroid)
          .map((value) => value.toFixed(1))
          .join(" ")
      : "",
    bounding_box: boundingBox
      ? storedOrder(scan, boundingBox.from)
          .map((from, n) => `${from}:${storedOrder(scan, boundingBox.to)[n]}`)
          .join(" ")
      : "",
    touches_border: measures.touchesBorder ? "True" : "False",
    mean_probability_inside: fixed(measures.meanProbabilityInside, 4),
    sequences: sequences.join(" "),
    doubt: fixed(doubt?.value ?? null, 4),
    doubt_reasons: doubt?.reasons.join("; ") ?? "",
    threshold: fixed(outline.point.threshold, 4),
    corrected: outline.corrected ? "True" : "False",
  };
  const values = Object.values(row).map((value) => (value.includes(",") ? `"${value}"` : value));
  const text = `${Object.keys(row).join(",")}\n${values.join(",")}\n`;
  return [`${scan.case.id}_numbers.csv`, new Blob([text], { type: "text/csv" })];
}

/** Hands a file to the browser. */
export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function isPictures(scan: Scan): boolean {
  return scan.case.kind === "slices" || scan.case.kind === "stack";
}

/** Slices are counted first in pictures, last in NIfTI. */
function storedOrder(scan: Scan, indices: number[]): number[] {
  return isPictures(scan) ? [...indices].reverse() : indices;
}

function pictureFiles(scan: Scan, values: Uint8Array | Float32Array, word: string) {
  const [width, height, slices] = scan.grid.shape;
  return Array.from({ length: slices }, (_, n) => {
    const stem = scan.case.stems[n] ?? `${scan.case.id}_${n + 1}`;
    const plane = values.slice(n * width * height, (n + 1) * width * height);
    return { name: `${safeName(stem)}_${word}.tif`, bytes: writeTiff(width, height, plane) };
  });
}
