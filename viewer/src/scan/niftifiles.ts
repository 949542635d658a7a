/** The NIfTI files of patients: names say which files belong together, and which sequence each is. */

import { decompress, isGzip } from "./bytes";
import { type Case, type Choice } from "./case";
import { MAX_VOXELS } from "./checks";
import { type Dropped, folderOf, groupBy, nameOf, pathOf } from "./files";
import { SEQUENCES, isResult, parseName, stemOf } from "./names";
import { type Volume, declaredBytes, readNifti } from "./nifti";
import { Problem } from "./problem";

const REST = 2 ** 16; // bytes that may follow the voxels

/**
 * The files of each patient, and a name: those of one folder whose names differ in the sequence only.
 *
 * Files without a known name stay with the only patient of their folder, and are left out where there are several.
 */
export function groupNifti(files: Dropped[]): { name: string; files: Dropped[] }[] {
  const named = files
    .map((file) => ({ file, ...parseName(nameOf(file.path)) }))
    .filter(({ file, role }) => role !== "mask" && !isResult(nameOf(file.path)));
  if (named.length === 0) {
    throw new Problem(`${nameOf(files[0].path)}: only masks or results. Expected: the scan itself.`);
  }
  const folders = [...groupBy(named, ({ file }) => pathOf(file.path)).values()];
  const groups = folders.flatMap((folder) => {
    const cases = [
      ...groupBy(
        folder.filter(({ role }) => role),
        (each) => each.case.toLowerCase(),
      ).values(),
    ];
    return cases.length > 1 ? cases : [folder];
  });
  return groups.map((group) => {
    const first = group.find(({ role }) => role === "flair") ?? group.find(({ role }) => role) ?? group[0];
    const { path } = first.file;
    const stem = first.role ? first.case.replace(/[_\-. ]+$/, "") : stemOf(nameOf(path));
    return { name: stem || folderOf(path) || "scan", files: group.map(({ file }) => file) };
  });
}

/** Reads the files of one patient. */
export async function readNiftiFiles(id: string, files: Dropped[]): Promise<Case> {
  const names = files.map(({ path }) => nameOf(path));
  const roles = names.map((name) => parseName(name).role);
  const choice: Choice = {};
  const notes: string[] = [];
  for (const sequence of SEQUENCES) {
    const indices = roles.flatMap((role, index) => (role === sequence ? [index] : []));
    if (indices.length > 1) {
      const found = indices.map((index) => names[index]).join(", ");
      throw new Problem(
        `${indices.length} files of one sequence: ${found}. Expected: one. Drop the one that is meant.`,
      );
    }
    if (indices.length === 1) choice[sequence] = indices[0];
  }
  if (files.length === 1 && roles[0] === null) {
    choice.flair = 0;
    notes.push(`${names[0]} is taken as FLAIR.`);
  }
  const volumes: Volume[] = [];
  for (const [n, { file }] of files.entries()) volumes.push(await readNiftiFile(names[n], file));
  return { id, kind: "nifti", volumes, choice, notes, stems: [] };
}

/** Reads one file. */
export async function readNiftiFile(name: string, file: File): Promise<Volume> {
  let bytes = new Uint8Array(await file.slice(0, 540).arrayBuffer());
  if (isGzip(bytes)) {
    const compressed = new Uint8Array(await file.arrayBuffer());
    bytes = await decompress(compressed, "gzip", name, (start) => declaredBytes(name, start, MAX_VOXELS) + REST);
  } else {
    declaredBytes(name, bytes, MAX_VOXELS);
    bytes = new Uint8Array(await file.arrayBuffer());
  }
  return readNifti(name, bytes, MAX_VOXELS);
}
