/** The header of a NIfTI file, by the rules of `brainseg/scans/nifti_header.py`. */

import { type Affine, type Triple } from "./matrix";
import { chooseAffine } from "./niftiaffine";
import { layout } from "./niftilayout";
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
const OTHER_TYPES: Record<number, string> = {
  32: "complex",
  1792: "complex",
  2048: "complex",
  128: "RGB",
  2304: "RGBA",
};
export const DAMAGED = "Copy or download the file again.";

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
      `${name}: voxels of type ${OTHER_TYPES[type] ?? type}. Expected: whole or real numbers, one per voxel. Convert the file, and save ` +
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
