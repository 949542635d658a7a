/** Reading and writing NIfTI files. */

import { Grid, type Voxels } from "./grid";
import { type Affine, columnLengths } from "./matrix";
import { DAMAGED, DATA_TYPES, parseHeader } from "./niftiheader";
import { layout } from "./niftilayout";
import { Problem } from "./problem";

/** One 3-D volume as it is stored in a file. */
export interface Volume {
  name: string;
  grid: Grid;
  voxels: Voxels;
  /** The first 348 or 540 bytes of the file, from which a result takes its geometry; null for pictures. */
  header: DataView | null;
  notes: string[];
}

/**
 * Reads a NIfTI file.
 *
 * @param name of the file, for messages.
 * @param bytes its content, not compressed.
 * @param maxVoxels more are refused before memory is taken.
 */
export function readNifti(name: string, bytes: Uint8Array, maxVoxels: number): Volume {
  const header = parseHeader(name, bytes);
  const { shape, slope, intercept, little, offset } = header;
  const declared = declaredBytes(name, bytes, maxVoxels);
  if (declared > bytes.length) {
    throw new Problem(
      `${name}: cut off, ${bytes.length.toLocaleString("en")} bytes where its header declares ` +
        `${declared.toLocaleString("en")}. ${DAMAGED}`,
    );
  }
  const count = shape[0] * shape[1] * shape[2];
  const [size, read] = DATA_TYPES[header.type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const voxels = new Float32Array(count);
  for (let n = 0, at = offset; n < count; n++, at += size) voxels[n] = read(view, at, little);
  if (slope !== 1 || intercept !== 0) {
    const [factor, shift] = [Math.fround(slope), Math.fround(intercept)];
    for (let n = 0; n < count; n++) voxels[n] = Math.fround(voxels[n] * factor) + shift;
  }
  const kept = bytes.slice(0, header.version === 1 ? 348 : 540);
  return { name, grid: new Grid(shape, header.affine), voxels, header: new DataView(kept.buffer), notes: header.notes };
}

/** How many bytes a NIfTI file has by its header; refuses one with several volumes or too many voxels. */
export function declaredBytes(name: string, start: Uint8Array, maxVoxels: number): number {
  const { shape, volumes, type, offset } = parseHeader(name, start);
  if (volumes > 1) {
    throw new Problem(
      `${name}: 4-D, ${volumes} volumes. Expected: one 3-D volume. Save the FLAIR volume to a file of its own.`,
    );
  }
  const count = shape[0] * shape[1] * shape[2];
  if (count > maxVoxels) {
    throw new Problem(
      `${name}: ${shape.join(" x ")} voxels are too many for a browser. Expected: at most ${maxVoxels.toLocaleString("en")}. ` +
        "brainseg predict reads larger scans.",
    );
  }
  return offset + count * DATA_TYPES[type][0];
}

/**
 * Writes an array on the grid of a volume; the geometry of the input's header is kept bit for bit, no other field is.
 *
 * @param array in stored order; Uint8Array for a mask, Float32Array for probabilities.
 */
export function writeNifti(
  array: Uint8Array | Float32Array,
  grid: Grid,
  header: DataView | null,
): Uint8Array<ArrayBuffer> {
  const version: 1 | 2 = header && header.byteLength === 540 ? 2 : 1;
  const at = layout(version);
  const [size, start] = version === 1 ? [348, 352] : [540, 544];
  const file = new Uint8Array(start + array.byteLength);
  const view = new DataView(file.buffer);
  view.setInt32(0, size, true);
  file.set(
    [...(version === 1 ? "n+1\0" : "n+2\0\r\n\x1a\n")].map((c) => c.charCodeAt(0)),
    version === 1 ? 344 : 4,
  );
  const integer = (place: number, value: number) =>
    at.wide === 2 ? view.setInt16(place, value, true) : view.setBigInt64(place, BigInt(value), true);
  const real = (place: number, value: number) =>
    at.real === 4 ? view.setFloat32(place, value, true) : view.setFloat64(place, value, true);
  [3, ...grid.shape, 1, 1, 1, 1].forEach((length, n) => integer(at.dim + n * at.wide, length));
  view.setInt16(at.type, array instanceof Uint8Array ? 2 : 16, true);
  view.setInt16(version === 1 ? 72 : 14, array instanceof Uint8Array ? 8 : 32, true);
  if (version === 1) view.setFloat32(at.offset, start, true);
  else integer(at.offset, start);
  if (header) copyGeometry(header, view, version);
  else writeAffine(view, grid.affine);
  for (let n = 4; n < 8; n++) real(at.pixdim + n * at.real, 1);
  real(at.slope, 1);
  file.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), start);
  return file;
}

/** Copies voxel sizes, units, qform and sform, in little-endian order. */
function copyGeometry(from: DataView, to: DataView, version: 1 | 2): void {
  const at = layout(version);
  const little = from.getInt32(0, true) === from.byteLength;
  const copy = (place: number, count: number, wide: number) => {
    for (let n = 0; n < count; n++) {
      for (let byte = 0; byte < wide; byte++) {
        to.setUint8(place + n * wide + byte, from.getUint8(place + n * wide + (little ? byte : wide - 1 - byte)));
      }
    }
  };
  copy(at.pixdim, 4, at.real);
  copy(at.units, 1, at.unitsWide);
  copy(at.qcode, 2, at.codeWide);
  copy(at.quatern, 6, at.real);
  copy(at.srow, 12, at.real);
}

function writeAffine(view: DataView, affine: Affine | null): void {
  view.setUint8(123, affine ? 2 : 0);
  view.setInt16(254, affine ? 1 : 0, true); // sform: scanner
  view.setFloat32(76, 1, true);
  (affine ? columnLengths(affine) : [1, 1, 1]).forEach((side, n) => view.setFloat32(80 + 4 * n, side, true));
  affine
    ?.slice(0, 3)
    .forEach((row, r) => row.forEach((value, c) => view.setFloat32(280 + 4 * (4 * r + c), value, true)));
}
