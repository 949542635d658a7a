/** From what a person drops to one case, by content and names of files, as `brainseg/scans/recognise.py`. */

import { decompress } from "./bytes";
import { type Case, type Choice } from "./case";
import { MAX_VOXELS } from "./checks";
import { isDicom, readDicom } from "./dicom";
import { type Dropped, folderOf, nameOf } from "./files";
import { SEQUENCES, isResult, parseName, safeName, stemOf } from "./names";
import { type Volume, declaredBytes, readNifti } from "./nifti";
import { isNifti } from "./niftiheader";
import { isPicture, readPictures } from "./pictures";
import { Problem } from "./problem";

const EXPECTED = "NIfTI (.nii, .nii.gz), a folder of DICOM, or a folder of TIFF or PNG slices";
const LISTED = 5; // names in a message

type Kind = "nifti" | "dicom" | "picture" | "other";

/** Reads the case that the files make up. */
export async function readCase(files: Dropped[]): Promise<Case> {
  if (files.length === 0) throw new Problem(`Nothing to read. Expected: ${EXPECTED}.`);
  const kinds = await Promise.all(files.map(({ file }) => kindOf(file)));
  const of = (kind: Kind) => files.filter((_, n) => kinds[n] === kind);
  const [nifti, dicom, pictures] = [of("nifti"), of("dicom"), of("picture")];
  const forms = [nifti, dicom, pictures].filter((list) => list.length > 0).length;
  if (forms === 0) throw new Problem(`${list(files)}: not a scan. Expected: ${EXPECTED}.`);
  if (dicom.length > 0 && nifti.length > 0) {
    throw new Problem("DICOM and NIfTI at once. Expected: one form of files. Drop the one that is meant.");
  }
  if (dicom.length > 0) return readDicom(dicom);
  return nifti.length > 0 ? readNiftiFiles(nifti) : readPictures(pictures);
}

/** Reads a mask that belongs to a case: a NIfTI file, or pictures. */
export async function readMask(files: Dropped[]): Promise<Volume> {
  const [{ path, file }] = files;
  if ((await kindOf(file)) === "nifti") return readFile(nameOf(path), file);
  const { volumes } = await readPictures(files, true);
  return volumes[0];
}

async function kindOf(file: File): Promise<Kind> {
  const start = new Uint8Array(await file.slice(0, 540).arrayBuffer());
  if (isNifti(start) || (start[0] === 0x1f && start[1] === 0x8b)) return "nifti";
  if (isDicom(start)) return "dicom";
  return isPicture(start) ? "picture" : "other";
}

/** Reads NIfTI files; names say which sequence each is, and that they belong to one case. */
async function readNiftiFiles(files: Dropped[]): Promise<Case> {
  const named = files
    .map((dropped) => ({ dropped, name: nameOf(dropped.path), ...parseName(nameOf(dropped.path)) }))
    .filter(({ name, role }) => role !== "mask" && !isResult(name));
  if (named.length === 0) throw new Problem(`${list(files)}: only masks or results. Expected: the scan itself.`);
  const known = named.filter(({ role }) => role !== null);
  const cases = [
    ...new Set(known.map((file) => `${file.dropped.path.slice(0, -file.name.length)}${file.case.toLowerCase()}`)),
  ];
  if (cases.length > 1) {
    const names = cases.slice(0, LISTED).map((path) => nameOf(path) || path);
    throw new Problem(
      `${cases.length} patients at once: ${names.join(", ")}. Expected: one. Drop the files of one patient.`,
    );
  }
  const volumes: Volume[] = [];
  for (const { dropped, name } of named) volumes.push(await readFile(name, dropped.file));
  const choice: Choice = {};
  const notes: string[] = [];
  for (const sequence of SEQUENCES) {
    const indices = named.flatMap(({ role }, index) => (role === sequence ? [index] : []));
    if (indices.length > 1) {
      throw new Problem(
        `${indices.length} files of one sequence: ${indices.map((n) => named[n].name).join(", ")}. Expected: one. Drop the one that is meant.`,
      );
    }
    if (indices.length === 1) choice[sequence] = indices[0];
  }
  const first = known.find(({ role }) => role === "flair") ?? known[0] ?? named[0];
  if (choice.flair === undefined && known.length === 0 && named.length === 1) {
    choice.flair = 0;
    notes.push(`${first.name} is taken as FLAIR.`);
  }
  const stem = first.role ? first.case.replace(/[_\-. ]+$/, "") : stemOf(first.name);
  return {
    id: safeName(stem || folderOf(first.dropped.path) || "scan"),
    kind: "nifti",
    volumes,
    choice,
    notes,
    stems: [],
  };
}

async function readFile(name: string, file: File): Promise<Volume> {
  let bytes = new Uint8Array(await file.slice(0, 540).arrayBuffer());
  if (isNifti(bytes)) {
    declaredBytes(name, bytes, MAX_VOXELS);
    bytes = new Uint8Array(await file.arrayBuffer());
  } else {
    const compressed = new Uint8Array(await file.arrayBuffer());
    const rest = 2 ** 16; // bytes that may follow the voxels
    bytes = await decompress(compressed, "gzip", name, (start) => declaredBytes(name, start, MAX_VOXELS) + rest);
  }
  return readNifti(name, bytes, MAX_VOXELS);
}

function list(files: Dropped[]): string {
  const names = files.slice(0, LISTED).map(({ path }) => nameOf(path));
  return names.join(", ") + (files.length > LISTED ? `, and ${files.length - LISTED} more` : "");
}
