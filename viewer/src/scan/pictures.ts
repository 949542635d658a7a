/** Slices in files of their own, and TIFF with a page for each slice. Red is T1, green FLAIR, blue T1 with contrast. */

import { type Case, type Choice } from "./case";
import { MAX_VOXELS } from "./checks";
import { type Dropped, folderOf, nameOf } from "./files";
import { Grid } from "./grid";
import { sliceNumber, stemOf } from "./names";
import { type Volume } from "./nifti";
import { Problem } from "./problem";
import { type Picture, isTiff, readTiff } from "./tiff";

const ORDER_NOTE =
  "Pictures do not say how the head lies in them. They are taken as axial slices from the lowest to the highest, with " +
  "the face at the top and the patient's right on the left.";
const MAX_PICTURE_BYTES = 2 ** 25;
const MAX_STACK_BYTES = 2 ** 30;
const PNG_DEPTH = 24; // where a PNG file says how many bits a channel has

/** Whether bytes begin as a picture does that is read: TIFF, PNG, JPEG, BMP. */
export function isPicture(start: Uint8Array): boolean {
  const begins = (...bytes: number[]) => bytes.every((byte, n) => start[n] === byte);
  return isTiff(start) || isPng(start) || begins(0xff, 0xd8, 0xff) || begins(0x42, 0x4d);
}

function isPng(start: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47].every((byte, n) => start[n] === byte);
}

/** Reads the pictures of one patient: numbered slices, or one file with a page for each. */
export async function readPictures(id: string, files: Dropped[]): Promise<Case> {
  if (files.length === 1) return readSingle(id, files[0]);
  const ordered = inOrder(files);
  const pictures: Picture[] = [];
  for (const { path, file } of ordered) pictures.push(...(await readPicture(path, file)));
  return makeCase(id, "slices", pictures, ordered);
}

async function readSingle(id: string, { path, file }: Dropped): Promise<Case> {
  const pages = await readPicture(path, file);
  const name = nameOf(path);
  if (pages.length < 2) throw new Problem(`${name}: one slice. Expected: the folder with all slices of the scan.`);
  return makeCase(id, "stack", pages, [{ path, file }]);
}

/** Sorts slices by the last number in their names, which must follow each other without gaps. */
function inOrder(images: Dropped[]): Dropped[] {
  const numbered = images.map((image) => ({
    image,
    ...(sliceNumber(stemOf(nameOf(image.path))) ?? { pattern: nameOf(image.path), number: 0 }),
  }));
  const patterns = [...new Set(numbered.map(({ pattern }) => pattern))];
  if (patterns.length > 1) {
    throw new Problem(
      `Pictures with ${patterns.length} kinds of names: ${patterns.slice(0, 3).join(", ")}. Expected: the slices of one ` +
        "patient, numbered. Drop the files of one patient.",
    );
  }
  numbered.sort((a, b) => a.number - b.number);
  for (let n = 1; n < numbered.length; n++) {
    const [before, after] = [numbered[n - 1].number, numbered[n].number];
    if (before === after) throw new Problem(`Slice ${after} is there twice. Expected: one picture for each slice.`);
    if (before + 1 < after) {
      throw new Problem(
        `Slices are missing: ${before + 1} is not there. Expected: consecutive numbers, because the network compares ` +
          "neighbouring slices. Add the missing slices.",
      );
    }
  }
  return numbered.map(({ image }) => image);
}

async function readPicture(path: string, file: File): Promise<Picture[]> {
  const name = nameOf(path);
  const start = new Uint8Array(await file.slice(0, 26).arrayBuffer());
  const limit = isTiff(start) ? MAX_STACK_BYTES : MAX_PICTURE_BYTES;
  if (file.size > limit) throw new Problem(`${name}: more than ${limit / 2 ** 20} MiB. Expected: a smaller picture.`);
  if (isTiff(start)) return readTiff(name, new Uint8Array(await file.arrayBuffer()));
  if (isPng(start) && start[PNG_DEPTH] === 16) {
    throw new Problem(`${name}: 16 bits. Expected: 8 bits. Convert all slices with the same window.`);
  }
  return [await decodeByBrowser(name, file)];
}

async function decodeByBrowser(name: string, file: File): Promise<Picture> {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
    imageOrientation: "none",
  }).catch(() => {
    throw new Problem(`${name}: damaged or not a picture. Copy or download the file again.`);
  });
  const { width, height } = bitmap;
  if (width > 2048 || height > 2048)
    throw new Problem(`${name}: ${width} x ${height} pixels. Expected: at most 2048 x 2048.`);
  const canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  canvas.drawImage(bitmap, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++) pixels.set(data.subarray(4 * p, 4 * p + 3), 3 * p);
  return { width, height, channels: 3, pixels };
}

function makeCase(id: string, kind: "slices" | "stack", pictures: Picture[], files: Dropped[]): Case {
  const first = nameOf(files[0].path);
  const stems = kind === "slices" ? files.map(({ path }) => stemOf(nameOf(path))) : [];
  const { width, height } = pictures[0];
  const other = pictures.find((picture) => picture.width !== width || picture.height !== height);
  if (other) {
    throw new Problem(
      `A slice has ${other.width} x ${other.height} pixels, where ${first} has ${width} x ${height}. Expected: slices of one size.`,
    );
  }
  const count = pictures.length * width * height;
  if (count > MAX_VOXELS)
    throw new Problem(`${first}: ${count.toLocaleString("en")} pixels in all are too many for a browser.`);
  const grid = new Grid([width, height, pictures.length], null);
  const channel = (name: string, index: number): Volume => {
    const voxels = new Uint8Array(count);
    pictures.forEach(({ channels, pixels }, slice) => {
      const source = channels === 1 ? 0 : index;
      for (let p = 0; p < width * height; p++) voxels[slice * width * height + p] = pixels[p * channels + source];
    });
    return { name, grid, voxels, header: null, notes: [] };
  };
  const volumes = [channel("red", 0), channel("green", 1), channel("blue", 2)];
  const grey = [0, 2].every((n) => volumes[n].voxels.every((value, p) => value === volumes[1].voxels[p]));
  const choice: Choice = grey ? { flair: 0 } : { "pre-contrast": 0, flair: 1, "post-contrast": 2 };
  const kaggle = stems.length > 0 && stems[0].startsWith(`${folderOf(files[0].path) || id}_`);
  const notes = [
    ...(grey ? ["The pictures have one sequence, which is taken as FLAIR."] : []),
    ...(kaggle ? [] : [ORDER_NOTE]),
  ];
  return { id, kind, volumes: grey ? [{ ...volumes[1], name: "grey" }] : volumes, choice, notes, stems };
}
