import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { decompress, gzip } from "../src/scan/bytes";
import { readDicomHeader } from "../src/scan/dicomheader";
import { Grid } from "../src/scan/grid";
import { declaredBytes, readNifti, writeNifti } from "../src/scan/nifti";
import { isNifti } from "../src/scan/niftiheader";
import { Problem } from "../src/scan/problem";
import { recogniseSequence, titleOfSeries } from "../src/scan/sequences";
import { readTiff, writeTiff } from "../src/scan/tiff";

const AFFINE = [
  [-1.5, 0, 0, 8],
  [0, 0, 2, -9],
  [0, 1.25, 0, 3],
  [0, 0, 0, 1],
];

test("NIfTI is read as it was written, and a result keeps the geometry", () => {
  const grid = new Grid([3, 4, 2], AFFINE);
  const values = Float32Array.from({ length: 24 }, (_, n) => n / 8);
  const file = writeNifti(values, grid, null);
  expect(isNifti(file)).toBe(true);
  const volume = readNifti("a.nii", file, 100);
  expect([...volume.voxels]).toEqual([...values]);
  expect(volume.grid.affine).toEqual(AFFINE);
  const mask = writeNifti(new Uint8Array(24).fill(1), volume.grid, volume.header);
  const again = readNifti("mask.nii", mask, 100);
  expect(again.grid.affine).toEqual(AFFINE);
  expect(mask.length).toBe(352 + 24);
});

test("NIfTI that is damaged is refused before memory is taken", () => {
  const file = writeNifti(new Uint8Array(24), new Grid([3, 4, 2], AFFINE), null);
  expect(() => readNifti("a.nii", file.subarray(0, 360), 100)).toThrow(Problem);
  expect(() => declaredBytes("a.nii", file, 23)).toThrow("too many for a browser");
  expect(() => readNifti("a.nii", new Uint8Array(400), 100)).toThrow("not a NIfTI file");
});

test("big-endian NIfTI with a qform only, and a scale", () => {
  const file = new DataView(new ArrayBuffer(352 + 4));
  const put = (at: number, ...values: number[]) => values.forEach((value, n) => file.setInt16(at + 2 * n, value));
  file.setInt32(0, 348);
  [110, 43, 49, 0].forEach((byte, n) => file.setUint8(344 + n, byte));
  put(40, 3, 2, 1, 1, 1, 1, 1, 1);
  put(70, 4, 16); // int16
  [1, 2, 3, 4].forEach((side, n) => file.setFloat32(76 + 4 * n, side));
  file.setFloat32(108, 352);
  file.setFloat32(112, 0.5);
  file.setFloat32(116, 10);
  put(252, 1, 0);
  file.setFloat32(264, 1); // quaternion d: turned by 180 degrees about superior
  put(352, -4, 300);
  const { grid, voxels } = readNifti("a.nii", new Uint8Array(file.buffer), 10);
  expect([...voxels]).toEqual([8, 160]);
  const expected = [
    [-2, 0, 0, 0],
    [0, -3, 0, 0],
    [0, 0, 4, 0],
    [0, 0, 0, 1],
  ];
  grid.affine!.forEach((row, r) => row.forEach((value, c) => expect(value).toBeCloseTo(expected[r][c], 12)));
});

test("gzip comes back, and a bomb is stopped", async () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, n) => n % 7);
  const packed = new Uint8Array(await (await gzip(bytes)).arrayBuffer());
  expect([...(await decompress(packed, "gzip", "a"))]).toEqual([...bytes]);
  await expect(decompress(packed, "gzip", "a", () => 100)).rejects.toThrow("more content than its header declares");
  await expect(decompress(packed.subarray(0, 20), "gzip", "a")).rejects.toThrow("damaged or cut off");
});

test("TIFF is read as it was written", async () => {
  const pixels = Uint8Array.from({ length: 12 }, (_, n) => n * 20);
  const [page] = await readTiff("a.tif", writeTiff(4, 3, pixels));
  expect(page).toEqual({ width: 4, height: 3, channels: 1, pixels });
});

/** A TIFF of 2 x 2 grey pixels in one strip; big-endian, as some programs write it. */
function tiffOf(compression: number, strip: Uint8Array): Uint8Array<ArrayBuffer> {
  const tags = [
    [256, 2],
    [257, 2],
    [258, 8],
    [259, compression],
    [262, 1],
    [273, 8],
    [278, 2],
    [279, strip.length],
  ];
  const file = new Uint8Array(8 + strip.length + 2 + 12 * tags.length + 4);
  const view = new DataView(file.buffer);
  file.set([0x4d, 0x4d, 0, 42]);
  view.setUint32(4, 8 + strip.length);
  file.set(strip, 8);
  view.setUint16(8 + strip.length, tags.length);
  tags.forEach(([tag, value], n) => {
    const at = 10 + strip.length + 12 * n;
    view.setUint16(at, tag);
    view.setUint16(at + 2, 4);
    view.setUint32(at + 4, 1);
    view.setUint32(at + 8, value);
  });
  return file;
}

test.each([
  ["not compressed", 1, Uint8Array.of(9, 9, 9, 7)],
  ["PackBits", 32773, Uint8Array.of(254, 9, 0, 7)],
  ["Deflate", 8, new Uint8Array(deflateSync(Uint8Array.of(9, 9, 9, 7)))],
  // 9-bit codes 256 (clear), 9, 258 (9 9), 7, 257 (end)
  ["LZW", 5, Uint8Array.of(0x80, 0x02, 0x60, 0x40, 0x78, 0x08)],
])("TIFF, %s", async (_, compression, strip) => {
  const [page] = await readTiff("a.tif", tiffOf(compression, strip));
  expect([...page.pixels]).toEqual([9, 9, 9, 7]);
});

test("TIFF that is damaged or unusual is refused", async () => {
  await expect(readTiff("a.tif", tiffOf(1, Uint8Array.of(1, 2, 3)))).rejects.toThrow("damaged or cut off");
  await expect(readTiff("a.tif", tiffOf(7, Uint8Array.of(1, 2, 3, 4)))).rejects.toThrow("compression 7");
});

test.each([
  [{ SeriesDescription: "ax FLAIR fs" }, false, "flair"],
  [{ SeriesDescription: "t1_mprage_sag" }, false, "pre-contrast"],
  [{ SeriesDescription: "t1_mprage_sag" }, true, "post-contrast"],
  [{ SeriesDescription: "T1 post gd" }, false, "post-contrast"],
  [{ SeriesDescription: "T1 native" }, true, "pre-contrast"],
  [{ SeriesDescription: "T1 FLAIR", EchoTime: 0.01 }, false, "pre-contrast"],
  [{ SeriesDescription: "ax t2 tse" }, false, "other"],
  [{ SeriesDescription: "localizer" }, false, "other"],
  [{ EchoTime: 0.12, RepetitionTime: 9, InversionTime: 2.5 }, false, "flair"],
  [{ EchoTime: 0.01, RepetitionTime: 0.5 }, false, "pre-contrast"],
  [{ SeriesDescription: "brain" }, false, null],
  [{ Modality: "CT", SeriesDescription: "flair" }, false, "other"],
])("sequence of %o, agent %s", (sidecar, agent, expected) => {
  expect(recogniseSequence(sidecar, agent)).toBe(expected);
});

test("a DICOM header says whether there is contrast agent, behind a sequence of undefined length", () => {
  const bytes: number[] = Array.from({ length: 128 }, () => 0);
  const text = (value: string) => [...value].map((letter) => letter.charCodeAt(0));
  const tag = (group: number, element: number) => [group & 255, group >> 8, element & 255, element >> 8];
  const short = (group: number, element: number, vr: string, value: string) =>
    bytes.push(...tag(group, element), ...text(vr), value.length, 0, ...text(value));
  bytes.push(...text("DICM"), ...tag(2, 0), ...text("UL"), 4, 0, 28, 0, 0, 0);
  short(2, 0x10, "UI", "1.2.840.10008.1.2.1\0");
  bytes.push(...tag(8, 0x1140), ...text("SQ"), 0, 0, 255, 255, 255, 255);
  bytes.push(...tag(0xfffe, 0xe000), 255, 255, 255, 255);
  short(0x18, 0x10, "LO", "of another image");
  bytes.push(...tag(0xfffe, 0xe00d), 0, 0, 0, 0, ...tag(0xfffe, 0xe0dd), 0, 0, 0, 0);
  const before = bytes.length;
  short(0x18, 0x10, "LO", "Gadovist");
  short(0x20, 0xe, "UI", "1.2.3\0");
  const plain = { study: "", series: "1.2.3", number: "", agent: false, oriented: true };
  expect(readDicomHeader(Uint8Array.from(bytes).buffer)).toEqual({ ...plain, agent: true });
  bytes.splice(before, 16);
  expect(readDicomHeader(Uint8Array.from(bytes).buffer)).toEqual(plain);
  short(0x28, 0x10, "US", "\0\0"); // behind the place of the orientation
  expect(readDicomHeader(Uint8Array.from(bytes).buffer)).toEqual({ ...plain, oriented: false });
  expect(readDicomHeader(Uint8Array.from(bytes.slice(0, before)).buffer)).toBeNull();
});

test("a series is called by its number and its description", () => {
  expect(titleOfSeries("3", { SeriesDescription: "AX_T2_FLAIR", ProtocolName: "brain" })).toBe("series 3 AX T2 FLAIR");
  expect(titleOfSeries("3", { ProtocolName: "brain" })).toBe("series 3 brain");
  expect(titleOfSeries("3a", {})).toBe("series 3a");
});
