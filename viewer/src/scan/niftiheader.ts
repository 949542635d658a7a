/** The header of a NIfTI file, by the rules of `brainseg/scans/nifti_header.py`. */

import { Grid } from "./grid";
import { type Affine, type Triple, apply, columnLengths } from "./matrix";
import { Problem } from "./problem";

export const DATA_TYPES: Record<
  number,
  [bytes: number, read: (view: DataView, at: number, little: boolean) => number]
> = {
  2: [1, (view, at) => view.getUint8(at)],
  4: [2, (view, at, little) => view.getInt16(at, little)],
  8: [4, (view, at, little) => view.getInt32(at, little)],
  16: [4, (view, at, little) => view.getFloat32(at, little)],
  64: [8, (view, at, little) => view.getFloat64(at, little)],
  256: [1, (view, at) => view.getInt8(at)],
  512: [2, (view, at, little) => view.getUint16(at, little)],
  768: [4, (view, at, little) => view.getUint32(at, little)],
  1024: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  1280: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
};
const UNITS_IN_MM: Record<number, number> = { 1: 1000, 2: 1, 3: 0.001 };
const SAME_PLACE = 0.5; // of the shortest side of a voxel; sform and qform that differ by less are the same
export const DAMAGED = "Copy or download the file again.";

/** Where the fields of a header are: version 1 has 348 bytes, version 2 has 540. */
export function layout(version: 1 | 2) {
  return version === 1
    ? {
        dim: 40,
        wide: 2,
        type: 70,
        pixdim: 76,
        real: 4,
        offset: 108,
        slope: 112,
        units: 123,
        unitsWide: 1,
        qcode: 252,
        codeWide: 2,
        quatern: 256,
        srow: 280,
      }
    : {
        dim: 16,
        wide: 8,
        type: 12,
        pixdim: 104,
        real: 8,
        offset: 168,
        slope: 176,
        units: 500,
        unitsWide: 4,
        qcode: 344,
        codeWide: 4,
        quatern: 352,
        srow: 400,
      };
}

export interface Header {
  version: 1 | 2;
  little: boolean;
  shape: Triple<number>;
  volumes: number;
  type: number;
  offset: number;
  slope: number;
  intercept: number;
  affine: Affine;
  notes: string[];
}

/** Whether bytes are the beginning of a NIfTI file with header and voxels in one, not compressed. */
export function isNifti(start: Uint8Array): boolean {
  return versionOf(start) !== null;
}

function versionOf(start: Uint8Array): [version: 1 | 2, little: boolean] | null {
  if (start.length < 348) return null;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const text = (at: number, length: number) => String.fromCharCode(...start.subarray(at, at + length));
  for (const little of [true, false]) {
    const size = view.getInt32(0, little);
    if (size === 348 && text(344, 4) === "n+1\0") return [1, little];
    if (size === 540 && text(4, 4) === "n+2\0") return [2, little];
  }
  return null;
}

/** Parses a header. */
export function parseHeader(name: string, bytes: Uint8Array): Header {
  const found = versionOf(bytes);
  if (!found) {
    throw new Problem(`${name}: not a NIfTI file with header and voxels in one. Expected: .nii or .nii.gz.`);
  }
  const [version, little] = found;
  const at = layout(version);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < (version === 1 ? 348 : 540)) throw new Problem(`${name}: cut off within the header. ${DAMAGED}`);
  const integer = (place: number, wide: number) =>
    wide === 2 ? view.getInt16(place, little) : Number(view.getBigInt64(place, little));
  const real = (place: number) => (at.real === 4 ? view.getFloat32(place, little) : view.getFloat64(place, little));
  const dims = Array.from({ length: 8 }, (_, n) => integer(at.dim + n * at.wide, at.wide));
  const used = dims.slice(1, dims[0] + 1);
  if (dims[0] < 1 || dims[0] > 7 || used.some((length) => length < 1)) {
    throw new Problem(`${name}: damaged header (dim is ${dims.join(" ")}). Copy or convert the file again.`);
  }
  const shape = [used[0], used[1] ?? 1, used[2] ?? 1] as Triple<number>;
  const type = view.getInt16(at.type, little);
  if (!(type in DATA_TYPES)) {
    throw new Problem(
      `${name}: voxels of type ${type}. Expected: whole or real numbers, one per voxel. Convert the file, and save ` +
        "each sequence to a file of its own.",
    );
  }
  const offset = version === 1 ? view.getFloat32(at.offset, little) : integer(at.offset, 8);
  if (!(offset >= (version === 1 ? 348 : 540) && offset <= 2 ** 24)) {
    throw new Problem(`${name}: damaged header (vox_offset is ${offset}). Copy or convert the file again.`);
  }
  let [slope, intercept] = [real(at.slope), real(at.slope + at.real)];
  if (!Number.isFinite(slope) || slope === 0 || !Number.isFinite(intercept)) [slope, intercept] = [1, 0];
  const [affine, notes] = chooseAffine(name, view, version, little, shape);
  const volumes = used.slice(3).reduce((product, length) => product * length, 1);
  return { version, little, shape, volumes, type, offset, slope, intercept, affine, notes };
}

/** The sform if its code is above 0, else the qform; with neither, voxel sizes and the orientation RAS. */
function chooseAffine(
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
export function checkAffine(name: string, affine: Affine): void {
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
