/** Which patients there are in what was dropped, and the archives that files come in. */

import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { concat, crc32 } from "../src/scan/bytes";
import { type Dropped } from "../src/scan/files";
import { Grid } from "../src/scan/grid";
import { writeNifti } from "../src/scan/nifti";
import { Problem } from "../src/scan/problem";
import { findPatients } from "../src/scan/recognise";
import { writeTiff } from "../src/scan/tiff";
import { unzip, zip } from "../src/scan/zip";

const NIFTI = writeNifti(new Uint8Array(24), new Grid([3, 4, 2], null), null);
const TIFF = writeTiff(3, 2, new Uint8Array(6));

function dropped(path: string, bytes: Uint8Array<ArrayBuffer>): Dropped {
  return { path, file: new File([bytes], path.split("/").at(-1)!) };
}

/** A DICOM file that says of which patient and study it is, and nothing else. */
function dicom(patient: string, study: string): Uint8Array<ArrayBuffer> {
  const text = (value: string) => new TextEncoder().encode(value);
  const element = (group: number, number: number, vr: string, value: string) =>
    concat(Uint8Array.of(group, 0, number, 0), text(vr), Uint8Array.of(value.length, 0), text(value));
  return concat(
    new Uint8Array(128),
    text("DICM"),
    Uint8Array.of(2, 0, 0, 0, 85, 76, 4, 0, 28, 0, 0, 0), // group 2 has 28 bytes more
    element(2, 0x10, "UI", "1.2.840.10008.1.2.1\0"),
    element(0x10, 0x20, "LO", patient),
    element(0x20, 0xd, "UI", study),
    element(0x20, 0xe, "UI", "1.2.3\0"),
  );
}

async function namesOf(files: Record<string, Uint8Array<ArrayBuffer>>): Promise<Record<string, string[]>> {
  const found = await findPatients(Object.entries(files).map(([path, bytes]) => dropped(path, bytes)));
  return Object.fromEntries(found.map(({ name, files }) => [name, files.map(({ path }) => path)]));
}

const all = (content: Uint8Array<ArrayBuffer>, ...paths: string[]) =>
  Object.fromEntries(paths.map((path) => [path, content]));

test("NIfTI of one folder belong together by their names", async () => {
  const paths = ["anna_flair.nii", "bert_T1.nii", "anna_t1ce.nii", "bert_flair.nii", "anna_seg.nii", "other.nii"];
  expect(await namesOf(all(NIFTI, ...paths))).toEqual({
    anna: ["anna_flair.nii", "anna_t1ce.nii"],
    bert: ["bert_T1.nii", "bert_flair.nii"],
  });
  expect(await namesOf(all(NIFTI, "a/flair.nii", "a/x.nii"))).toEqual({ a: ["a/flair.nii", "a/x.nii"] });
});

test("the derivatives of a BIDS data set are no scans of it", async () => {
  const scan = "set/sub-1/anat/sub-1_FLAIR.nii";
  const derivative = "set/derivatives/x/sub-1/anat/sub-1_FLAIR.nii";
  const set = { ...all(NIFTI, scan, derivative), "set/dataset_description.json": new TextEncoder().encode("{}") };
  expect(await namesOf(set)).toEqual({ "sub-1": [scan] });
  expect(Object.keys(await namesOf(all(NIFTI, scan, derivative)))).toHaveLength(2);
});

test("a damaged file is not passed over: its name says what it should have been", async () => {
  const [empty, files] = [new Uint8Array(0), all(NIFTI, "a_flair.nii")];
  expect(await namesOf({ ...files, "a_t1.nii.gz": empty })).toEqual({ a: ["a_flair.nii", "a_t1.nii.gz"] });
  expect(await namesOf({ ...all(TIFF, "a/a_1.tif"), "a/a_2.tif": empty })).toEqual({ a: ["a/a_1.tif", "a/a_2.tif"] });
});

test("files without known names stay one patient, so that a person chooses", async () => {
  expect(await namesOf(all(NIFTI, "image1.nii", "image2.nii"))).toEqual({ image1: ["image1.nii", "image2.nii"] });
});

test("each folder is a patient of its own; equal names get those of their folders", async () => {
  const names = Object.keys(await namesOf(all(NIFTI, "in/s10/flair.nii", "in/s2/flair.nii", "out/s2/flair.nii")));
  expect(names).toEqual(["in_s2", "out_s2", "s10"]);
});

test("each folder with slices is a patient; masks and single pictures are none", async () => {
  const paths = ["set/b/b_1.tif", "set/b/b_2.tif", "set/b/b_1_mask.tif", "set/a/a_1.tif", "set/a/a_2.tif", "set/p.tif"];
  expect(await namesOf(all(TIFF, ...paths))).toEqual({
    a: ["set/a/a_1.tif", "set/a/a_2.tif"],
    b: ["set/b/b_1.tif", "set/b/b_2.tif"],
  });
  expect(await namesOf(all(TIFF, "x_1.tif"))).toEqual({ x: ["x_1.tif"] });
  await expect(namesOf(all(TIFF, "x_1_mask.tif"))).rejects.toThrow("only masks or results");
});

test("DICOM is divided into patients and studies, wherever the files are", async () => {
  const files = {
    "cd/1": dicom("A1", "1.1\0"),
    "cd/2": dicom("B2", "1.1\0"),
    "cd/3": dicom("A1", "1.1\0"),
    "cd/more/4": dicom("A1", "1.22"),
  };
  expect(await namesOf(files)).toEqual({ cd: ["cd/1", "cd/3"], cd_2: ["cd/2"], more: ["cd/more/4"] });
});

test("two forms at once are refused", async () => {
  await expect(namesOf({ "a.nii": NIFTI, b: dicom("A1", "1.1\0") })).rejects.toThrow("DICOM and NIfTI at once");
});

const CONTENT = new TextEncoder().encode("0123456789".repeat(200));

/** What a page saves, with the content deflated, which it never is there; changes are made at places of the headers. */
function archive(changes: [local: number, central: number, value: number][] = []): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode("a/ä.txt");
  const packed = new Uint8Array(deflateRawSync(CONTENT));
  const [local, central, end] = [new Uint8Array(30), new Uint8Array(46), new Uint8Array(22)];
  const views = [local, central, end].map((part) => new DataView(part.buffer));
  [0x04034b50, 0x02014b50, 0x06054b50].forEach((signature, n) => views[n].setUint32(0, signature, true));
  views[1].setUint16(10, 8, true);
  [crc32(CONTENT), packed.length, CONTENT.length].forEach((value, n) => views[1].setUint32(16 + 4 * n, value, true));
  views[0].setUint16(26, name.length, true);
  views[1].setUint16(28, name.length, true);
  views[2].setUint32(12, 46 + name.length, true);
  views[2].setUint32(16, 30 + name.length + packed.length, true);
  for (const [part, at, value] of changes) views[part].setUint32(at, value, true);
  return concat(local, name, packed, central, name, end);
}

test("an archive is read as it was written", async () => {
  const files = [
    { name: "ä/1.txt", bytes: CONTENT },
    { name: "__MACOSX/._1.txt", bytes: CONTENT },
  ];
  const [found, ...others] = await unzip({ path: "in/x.zip", file: new File([zip(files)], "x.zip") });
  expect([found.path, found.file.name, await found.file.text()]).toEqual(["in/x/ä/1.txt", "1.txt", await text()]);
  expect(others).toEqual([]);
  const [deflated] = await unzip(dropped("y.zip", archive()));
  expect([deflated.path, await deflated.file.text()]).toEqual(["y/a/ä.txt", await text()]);
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

const text = () => new File([CONTENT], "").text();

test.each([
  ["cut off", archive().subarray(0, 90), "damaged or cut off"],
  ["other content", archive([[1, 16, 1]]), "damaged or cut off"],
  ["a bomb", archive([[1, 24, 100]]), "more content than its header declares"],
  ["a large bomb", archive([[1, 24, 2 ** 31]]), "1 files of 2,048 MB when unpacked"],
  ["a password", archive([[1, 8, 0x80001]]), "has a password"],
  ["bzip2", archive([[1, 8, 0xc0000]]), "compressed in a way that is not read"],
  ["ZIP64", archive([[2, 16, 0xffffffff]]), "a ZIP64 archive"],
])("an archive with %s is refused", async (_, bytes, message) => {
  await expect(unzip(dropped("x.zip", bytes.slice()))).rejects.toThrow(message);
});

test.each([0, 1, 3])("a file of %d bytes is no scan, and is said to be none", async (length) => {
  await expect(findPatients([dropped("short.bin", new Uint8Array(length))])).rejects.toThrow(Problem);
});
