/** How the header of a NIfTI file says that the voxels lie in the patient. */

import { Grid } from "./grid";
import { type Affine, type Triple, apply, columnLengths } from "./matrix";
import { layout } from "./niftilayout";
import { Problem } from "./problem";

const UNITS_IN_MM: Record<number, number> = { 1: 1000, 2: 1, 3: 0.001 };
const SAME_PLACE = 0.5; // of the shortest side of a voxel; sform and qform that differ by less are the same

/** The sform if its code is above 0, else the qform; with neither, voxel sizes and the orientation RAS. */
export function chooseAffine(
  name: string,
  view: DataView,
  version: 1 | 2,
  little: boolean,
  shape: Triple<number>,
): [Affine, string[]] {
  const at = layout(version);
  const real = (place: number) => (at.real === 4 ? view.getFloat32(place, little) : view.getFloat64(place, little));
  const code = (n: number) =>
    at.codeWide === 2 ? view.getInt16(at.qcode + 2 * n, little) : view.getInt32(at.qcode + 4 * n, little);
  const unit = (at.unitsWide === 1 ? view.getUint8(at.units) : view.getInt32(at.units, little)) & 7;
  const scale = UNITS_IN_MM[unit] ?? 1;
  const pixdim = [0, 1, 2, 3].map((n) => real(at.pixdim + n * at.real));
  const sform =
    code(1) > 0 ? [0, 1, 2].map((r) => [0, 1, 2, 3].map((c) => scale * real(at.srow + (4 * r + c) * at.real))) : null;
  const qform =
    code(0) > 0
      ? quaternionAffine(
          [0, 1, 2, 3, 4, 5].map((n) => real(at.quatern + n * at.real)),
          pixdim,
        )
      : null;
  qform?.forEach((row) => row.forEach((value, c) => (row[c] = value * scale)));
  const close = (rows: number[][]): Affine => [...rows, [0, 0, 0, 1]];
  if (!sform && !qform) {
    const sides = pixdim.slice(1).map((side) => scale * (Math.abs(side) || 1));
    const affine = close([0, 1, 2].map((r) => [0, 1, 2, 3].map((c) => (r === c ? sides[r] : 0))));
    return [
      affine,
      ["The header does not say how the voxels lie. Their axes are taken as right, anterior, superior (RAS)."],
    ];
  }
  const affine = close(sform ?? qform!);
  checkAffine(name, affine);
  if (!sform || !qform) return [affine, []];
  const other = close(qform);
  const distance = cornerDistance(affine, other, shape);
  if (!(distance > SAME_PLACE * Math.min(...columnLengths(affine)))) return [affine, []];
  const [one, two] = [new Grid(shape, affine), new Grid(shape, other)];
  if (String([one.axes, one.flips]) !== String([two.axes, two.flips])) {
    throw new Problem(
      `${name}: sform and qform contradict each other: they turn the head in different ways. Expected: one ` +
        "orientation. Find out which one is right, and set the code of the other to 0.",
    );
  }
  return [
    affine,
    [`sform and qform place corners of the scan up to ${distance.toFixed(1)} mm apart; the sform was used.`],
  ];
}

function quaternionAffine([b, c, d, x, y, z]: number[], pixdim: number[]): number[][] {
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const handedness = pixdim[0] === -1 ? -1 : 1;
  const [i, j, k] = [pixdim[1], pixdim[2], pixdim[3] * handedness];
  return [
    [(a * a + b * b - c * c - d * d) * i, 2 * (b * c - a * d) * j, 2 * (b * d + a * c) * k, x],
    [2 * (b * c + a * d) * i, (a * a + c * c - b * b - d * d) * j, 2 * (c * d - a * b) * k, y],
    [2 * (b * d - a * c) * i, 2 * (c * d + a * b) * j, (a * a + d * d - b * b - c * c) * k, z],
  ];
}

/** Refuses affines that no scanner writes. */
function checkAffine(name: string, affine: Affine): void {
  const fix = "The header is damaged, or was not written by a scanner or converter. Convert the scan again.";
  if (!affine.flat().every(Number.isFinite)) {
    throw new Problem(`${name}: the affine has NaN or infinite numbers. Expected: finite numbers. ${fix}`);
  }
  const spacing = columnLengths(affine);
  if (!spacing.every((side) => side >= 0.05 && side <= 50)) {
    const found = spacing.map((side) => Number(side.toPrecision(4))).join(" x ");
    throw new Problem(`${name}: voxels of ${found} mm. Expected: 0.05 to 50 mm along each axis. ${fix}`);
  }
  const cosine = (i: number, j: number) =>
    Math.abs(affine[0][i] * affine[0][j] + affine[1][i] * affine[1][j] + affine[2][i] * affine[2][j]) /
    (spacing[i] * spacing[j]);
  const angle = (Math.acos(Math.min(1, Math.max(cosine(0, 1), cosine(0, 2), cosine(1, 2)))) * 180) / Math.PI;
  if (90 - angle > 1) {
    throw new Problem(
      `${name}: two axes of the voxels are at ${angle.toFixed(1)} degrees to each other, as after a gantry tilt. ` +
        "Expected: 89 to 90 degrees. Resample the scan to perpendicular axes.",
    );
  }
}

/** Largest distance of a corner voxel of a scan under one affine and under another, mm. */
export function cornerDistance(one: Affine, other: Affine, shape: Triple<number>): number {
  const distances = Array.from({ length: 8 }, (_, n) => {
    const corner = shape.map((length, axis) => ((n >> axis) & 1 ? length - 1 : 0)) as Triple<number>;
    const [a, b] = [apply(one, corner), apply(other, corner)];
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  });
  return Math.max(...distances);
}
