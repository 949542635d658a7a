/** Bytes: compression by the browser, and checksums. */

import { Problem } from "./problem";

/** Whether bytes begin as gzip does. */
export function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/**
 * Decompresses gzip, the zlib streams of TIFF, or the files of a ZIP archive.
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
