/** ZIP archives: those that hospitals export are read, and results are written to one. */

import { concat, crc32, decompress } from "./bytes";
import { type Dropped, isVisible } from "./files";
import { Problem } from "./problem";

const MAX_FILES = 20_000;
const MAX_BYTES = 2 ** 30; // of all files, unpacked
const [STORED, DEFLATED] = [0, 8];
const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50];
const MAX_COMMENT = 2 ** 16; // bytes behind the end of an archive
const NO_SPACE = 0xffff_ffff; // in place of a size or an offset in ZIP64

interface Entry {
  path: string;
  isEncrypted: boolean;
  method: number;
  crc: number;
  packedSize: number;
  size: number;
  offset: number;
}

/** Whether bytes begin as a ZIP archive does. */
export function isZip(start: Uint8Array): boolean {
  return start.length >= 4 && new DataView(start.buffer, start.byteOffset).getUint32(0, true) === LOCAL;
}

/** Unpacks an archive; its name is the outermost folder of the paths. */
export async function unzip({ path, file }: Dropped): Promise<Dropped[]> {
  const folder = path.replace(/\.zip$/i, "");
  const entries = (await readEntries(file)).filter(isVisible);
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (entries.length > MAX_FILES || size > MAX_BYTES) {
    throw new Problem(
      `${file.name}: ${entries.length.toLocaleString("en")} files of ${Math.round(size / 2 ** 20).toLocaleString("en")} MB ` +
        `when unpacked. Expected: at most ${MAX_FILES.toLocaleString("en")} files of 1 GB. Unpack it, and drop one patient.`,
    );
  }
  const found: Dropped[] = [];
  for (const entry of entries) {
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    found.push({ path: `${folder}/${entry.path}`, file: new File([await unpack(file, entry)], name) });
  }
  return found;
}

/** The files of an archive, by the directory at its end; folders are left out. */
async function readEntries(file: File): Promise<Entry[]> {
  const damaged = new Problem(`${file.name}: damaged or cut off. Copy or download the file again.`);
  const tail = await bytesOf(file, file.size - MAX_COMMENT - 22, file.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw damaged;
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (start === NO_SPACE) throw new Problem(`${file.name}: a ZIP64 archive. Unpack it, and drop what is in it.`);
  const directory = await bytesOf(file, start, start + size);
  const entries: Entry[] = [];
  for (let at = 0; at < size;) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== CENTRAL) throw damaged;
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((field) => directory.getUint16(at + field, true));
    const name = new Uint8Array(directory.buffer, at + 46, Math.min(nameSize, directory.byteLength - at - 46));
    const [crc, packedSize, unpackedSize] = [16, 20, 24].map((field) => directory.getUint32(at + field, true));
    entries.push({
      path: new TextDecoder().decode(name).replaceAll("\\", "/"),
      isEncrypted: (directory.getUint16(at + 8, true) & 1) === 1,
      method: directory.getUint16(at + 10, true),
      crc,
      packedSize,
      size: unpackedSize,
      offset: directory.getUint32(at + 42, true),
    });
    at += 46 + nameSize + extraSize + commentSize;
  }
  return entries.filter((entry) => !entry.path.endsWith("/"));
}

async function unpack(file: File, entry: Entry): Promise<Uint8Array<ArrayBuffer>> {
  const name = `${file.name}: ${entry.path}`;
  if (entry.isEncrypted) throw new Problem(`${name} has a password. Unpack the archive, and drop what is in it.`);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw new Problem(`${name} is compressed in a way that is not read. Unpack the archive, and drop what is in it.`);
  }
  const damaged = new Problem(`${name} is damaged or cut off. Copy or download the archive again.`);
  const head = await bytesOf(file, entry.offset, entry.offset + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw damaged;
  const start = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = new Uint8Array(await file.slice(start, start + entry.packedSize).arrayBuffer());
  const bytes = entry.method === STORED ? packed : await decompress(packed, "deflate-raw", name, () => entry.size);
  if (bytes.length !== entry.size || crc32(bytes) !== entry.crc) throw damaged;
  return bytes;
}

async function bytesOf(file: File, from: number, to: number): Promise<DataView> {
  return new DataView(await file.slice(Math.max(0, from), to).arrayBuffer());
}

/** An archive of small files, stored without compression and without dates. */
export function zip(files: { name: string; bytes: Uint8Array<ArrayBuffer> }[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const encoded = new TextEncoder().encode(name);
    const fields = [20, 0x800, STORED, 0, 0x21]; // version, names in UTF-8, method, midnight, 1980-01-01
    const sizes = [crc32(bytes), bytes.length, bytes.length];
    const common = concat(shorts(...fields), longs(...sizes), shorts(encoded.length, 0));
    parts.push(concat(longs(LOCAL), common, encoded), bytes);
    directory.push(concat(longs(CENTRAL), shorts(20), common, shorts(0, 0, 0), longs(0, offset), encoded));
    offset += 30 + encoded.length + bytes.length;
  }
  const listed = concat(...directory);
  const end = concat(longs(END), shorts(0, 0, files.length, files.length), longs(listed.length, offset), shorts(0));
  return new Blob([...parts, listed, end], { type: "application/zip" });
}

function shorts(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values.flatMap((value) => [value & 255, value >> 8]));
}

function longs(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255)));
}
