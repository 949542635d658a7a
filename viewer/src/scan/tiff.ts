/** Reading and writing TIFF: 8 bits, grey or RGB, in strips; no, LZW, Deflate or PackBits compression. */

import { decompress } from "./bytes";
import { Problem } from "./problem";
import { decodeLzw, decodePackBits } from "./tiffcodecs";

/** A decoded picture: `channels` values for each pixel, row by row. */
export interface Picture {
  width: number;
  height: number;
  channels: 1 | 3;
  pixels: Uint8Array;
}

const MAX_SIDE = 2048; // pixels
const SIZES: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8 };

/** Whether bytes begin as a TIFF file does. */
export function isTiff(start: Uint8Array): boolean {
  const text = String.fromCharCode(...start.subarray(0, 4));
  return text === "II*\0" || text === "MM\0*";
}

/** Whether a file has several pages. */
export async function isStack(file: Blob): Promise<boolean> {
  const viewAt = async (at: number, size: number) => new DataView(await file.slice(at, at + size).arrayBuffer());
  try {
    const start = await viewAt(0, 8);
    const little = start.getUint8(0) === 0x49;
    const page = start.getUint32(4, little);
    const count = (await viewAt(page, 2)).getUint16(0, little);
    return (await viewAt(page + 2 + 12 * count, 4)).getUint32(0, little) !== 0;
  } catch (error) {
    if (error instanceof RangeError) return false; // damaged: reading it says so
    throw error;
  }
}

/** Decodes all pages. */
export async function readTiff(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Picture[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const pages: Picture[] = [];
  try {
    for (let at = view.getUint32(4, little); at !== 0 && pages.length < 4096;) {
      const count = view.getUint16(at, little);
      pages.push(await readPage(name, bytes, readTags(view, little, at + 2, count)));
      at = view.getUint32(at + 2 + 12 * count, little);
    }
  } catch (error) {
    if (error instanceof RangeError) throw new Problem(`${name}: damaged or cut off. Copy or download the file again.`);
    throw error;
  }
  return pages;
}

function readTags(view: DataView, little: boolean, at: number, count: number): Map<number, number[]> {
  const tags = new Map<number, number[]>();
  for (let entry = at; entry < at + 12 * count; entry += 12) {
    const [tag, type, length] = [
      view.getUint16(entry, little),
      view.getUint16(entry + 2, little),
      view.getUint32(entry + 4, little),
    ];
    const size = SIZES[type];
    if (size === undefined || type === 2 || type === 5 || length > 65536) continue;
    const place = size * length <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    const read = (p: number) =>
      size === 1 ? view.getUint8(p) : size === 2 ? view.getUint16(p, little) : view.getUint32(p, little);
    tags.set(
      tag,
      Array.from({ length }, (_, n) => read(place + n * size)),
    );
  }
  return tags;
}

async function readPage(name: string, bytes: Uint8Array<ArrayBuffer>, tags: Map<number, number[]>): Promise<Picture> {
  const value = (tag: number, otherwise: number) => tags.get(tag)?.[0] ?? otherwise;
  const [width, height, samples] = [value(256, 0), value(257, 0), value(277, 1)];
  const [photometric, orientation, planar, predictor] = [value(262, 1), value(274, 1), value(284, 1), value(317, 1)];
  const refuse = (found: string): never => {
    throw new Problem(`${name}: ${found}. Expected: TIFF with 8 bits, grey or RGB, in strips. Save it again that way.`);
  };
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) refuse(`${width} x ${height} pixels`);
  if (!(tags.get(258) ?? [1]).every((bits) => bits === 8)) refuse(`${value(258, 1)} bits`);
  if (!((samples === 1 && photometric <= 1) || (samples === 3 && photometric === 2))) refuse(`${samples} channels`);
  if (orientation !== 1) refuse("turned by its orientation tag");
  if (tags.has(322)) refuse("tiles");
  const [offsets, counts] = [tags.get(273) ?? [], tags.get(279) ?? []];
  const rows = Math.min(value(278, height), height);
  const perPlane = Math.ceil(height / rows);
  const planes = planar === 2 ? samples : 1;
  if (offsets.length !== perPlane * planes || counts.length !== offsets.length) refuse("strips are missing");
  const inStrip = samples / planes;
  const pixels = new Uint8Array(width * height * samples);
  for (let n = 0; n < offsets.length; n++) {
    const [plane, first] = [Math.floor(n / perPlane), (n % perPlane) * rows];
    const lines = Math.min(rows, height - first);
    const strip = bytes.slice(offsets[n], offsets[n] + counts[n]);
    if (strip.length < counts[n]) throw new RangeError("cut off");
    const decoded = await decodeStrip(name, strip, value(259, 1), lines * width * inStrip, refuse);
    if (predictor === 2) undoPredictor(decoded, width * inStrip, inStrip);
    else if (predictor !== 1) refuse(`predictor ${predictor}`);
    for (let p = 0; p < lines * width; p++) {
      for (let c = 0; c < inStrip; c++) pixels[(first * width + p) * samples + plane + c] = decoded[p * inStrip + c];
    }
  }
  if (samples === 1 && photometric === 0) pixels.forEach((v, n) => (pixels[n] = 255 - v));
  return { width, height, channels: samples as 1 | 3, pixels };
}

async function decodeStrip(
  name: string,
  strip: Uint8Array<ArrayBuffer>,
  compression: number,
  length: number,
  refuse: (found: string) => never,
): Promise<Uint8Array> {
  let decoded: Uint8Array = strip;
  if (compression === 5) decoded = decodeLzw(strip, length);
  else if (compression === 8 || compression === 32946) decoded = await decompress(strip, "deflate", name);
  else if (compression === 32773) decoded = decodePackBits(strip, length);
  else if (compression !== 1) refuse(`compression ${compression}`);
  if (decoded.length !== length) throw new RangeError("a strip of another length");
  return decoded;
}

function undoPredictor(bytes: Uint8Array, stride: number, samples: number): void {
  for (let row = 0; row < bytes.length; row += stride) {
    for (let n = row + samples; n < row + stride; n++) bytes[n] += bytes[n - samples];
  }
}

/** Writes a grey picture, not compressed. */
export function writeTiff(width: number, height: number, pixels: Uint8Array | Float32Array): Uint8Array<ArrayBuffer> {
  const bits = pixels.BYTES_PER_ELEMENT * 8;
  const entries = [
    [256, 4, width],
    [257, 4, height],
    [258, 3, bits],
    [259, 3, 1],
    [262, 3, 1],
    [273, 4, 0],
    [277, 3, 1],
    [278, 4, height],
    [279, 4, pixels.byteLength],
    [339, 3, pixels instanceof Float32Array ? 3 : 1], // real or whole numbers
  ];
  const start = 8 + 2 + 12 * entries.length + 4;
  const file = new Uint8Array(start + 2 + pixels.byteLength);
  const view = new DataView(file.buffer);
  file.set([0x49, 0x49, 42, 0, 8, 0, 0, 0, entries.length, 0]);
  entries.forEach(([tag, type, value], n) => {
    view.setUint16(10 + 12 * n, tag, true);
    view.setUint16(12 + 12 * n, type, true);
    view.setUint32(14 + 12 * n, 1, true);
    view.setUint32(18 + 12 * n, tag === 273 ? start + 2 : value, true);
  });
  file.set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength), start + 2);
  return file;
}
