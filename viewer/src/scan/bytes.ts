/** Bytes: compression by the browser, and archives of results. */

import { Problem } from "./problem";

/**
 * Decompresses gzip, or the zlib streams of TIFF.
 *
 * @param name of the file, for messages.
 * @param limitOf called once with the first bytes; says how many there may be, or throws.
 */
export async function decompress(
  bytes: Uint8Array<ArrayBuffer>,
  format: CompressionFormat,
  name: string,
  limitOf: (start: Uint8Array) => number = () => Infinity,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let [length, limit] = [0, -1];
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  for (;;) {
    const { value, done } = await reader.read().catch(() => {
      throw new Problem(`${name}: damaged or cut off. Copy or download the file again.`);
    });
    if (value) chunks.push(value);
    length += value?.length ?? 0;
    if (limit < 0 && (length >= 1024 || done)) limit = limitOf(concat(...chunks));
    if (done) return concat(...chunks);
    if (length > limit && limit >= 0) {
      await reader.cancel();
      throw new Problem(`${name}: more content than its header declares. Copy or download the file again.`);
    }
  }
}

/** Compresses with gzip. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}

/** A ZIP archive of small files, stored without compression and without dates. */
export function zip(files: { name: string; bytes: Uint8Array<ArrayBuffer> }[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const encoded = new TextEncoder().encode(name);
    const fields = [20, 0x800, 0, 0, 0x21]; // version, names in UTF-8, stored, midnight, 1980-01-01
    const sizes = [crc32(bytes), bytes.length, bytes.length];
    const common = concat(shorts(...fields), longs(...sizes), shorts(encoded.length, 0));
    parts.push(concat(longs(0x04034b50), common, encoded), bytes);
    directory.push(concat(longs(0x02014b50), shorts(20), common, shorts(0, 0, 0), longs(0, offset), encoded));
    offset += 30 + encoded.length + bytes.length;
  }
  const listed = concat(...directory);
  const end = concat(
    longs(0x06054b50),
    shorts(0, 0, files.length, files.length),
    longs(listed.length, offset),
    shorts(0),
  );
  return new Blob([...parts, listed, end], { type: "application/zip" });
}

/** One array after the other. */
export function concat(...arrays: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

function shorts(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values.flatMap((value) => [value & 255, value >> 8]));
}

function longs(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255)));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 as in ZIP and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
