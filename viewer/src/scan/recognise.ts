/** From what a person drops to patients, by content and names of files, as `brainseg/scans/recognise.py`. */

import { isGzip } from "./bytes";
import { type Case } from "./case";
import { dicomStudies, isDicom, readDicom } from "./dicom";
import { type Dropped, folderOf, groupBy, nameOf, pathOf, placeOf } from "./files";
import { isResult, parseName, safeName, stemOf } from "./names";
import { type Volume } from "./nifti";
import { groupNifti, readNiftiFile, readNiftiFiles } from "./niftifiles";
import { isNifti } from "./niftiheader";
import { isPicture, readPictures } from "./pictures";
import { Problem } from "./problem";
import { isStack, isTiff } from "./tiff";
import { isZip, unzip } from "./zip";

const EXPECTED = "NIfTI (.nii, .nii.gz), a folder of DICOM, a folder of TIFF or PNG slices, or a ZIP archive of these";
const LISTED = 5; // names in a message
const NIFTI_NAME = /\.nii(\.gz)?$/i;
const PICTURE_NAME = /\.(tiff?|png|jpe?g|bmp)$/i;
const BIDS_ROOT = "dataset_description.json";
const NOT_RAW = ["derivatives", "sourcedata", "code"]; // folders of a BIDS data set that are not its scans
const MAX_PREFIXES = 5; // names of folders that are put before a patient's name, to tell it from others

type Kind = "nifti" | "dicom" | "picture" | "stack" | "zip" | "other";

/** The files of one patient, not read yet. */
export interface Patient {
  /** Safe as the name of a file; no other patient has it. */
  name: string;
  files: Dropped[];
  /** The folder around all of its files, as a path that ends with "/"; empty if there is none. */
  place: string;
  read: (name: string, files: Dropped[]) => Promise<Case>;
}

/** Finds the patients in files, folders and archives; at least one. */
export async function findPatients(dropped: Dropped[]): Promise<Patient[]> {
  if (dropped.length === 0) throw new Problem(`Nothing to read. Expected: ${EXPECTED}.`);
  const found = await withKinds(dropped);
  for (const archive of found.filter(({ kind }) => kind === "zip")) {
    found.push(...(await withKinds(await unzip(archive))));
  }
  const scans = withoutDerivatives(found);
  const of = (kind: Kind) => scans.filter((file) => file.kind === kind);
  if (of("dicom").length > 0 && of("nifti").length > 0) {
    throw new Problem("DICOM and NIfTI at once. Expected: one form of files. Drop the one that is meant.");
  }
  const patients =
    of("dicom").length > 0
      ? (await dicomStudies(of("dicom"))).map((files) =>
          patientOf(files, folderOf(placeOf(files)) || "dicom", readDicom),
        )
      : of("nifti").length > 0
        ? groupNifti(of("nifti")).map(({ files, name }) => patientOf(files, name, readNiftiFiles))
        : groupPictures(of("picture"), of("stack"));
  if (patients.length === 0) throw new Problem(`${list(dropped)}: not a scan. Expected: ${EXPECTED}.`);
  return sortedWithUniqueNames(patients);
}

/** Reads a mask that belongs to a case: a NIfTI file, or pictures. */
export async function readMask(files: Dropped[]): Promise<Volume> {
  const [{ path, file }] = files;
  if ((await kindOf(file)) === "nifti") return readNiftiFile(nameOf(path), file);
  const { volumes } = await readPictures("mask", files);
  return volumes[0];
}

function withKinds(files: Dropped[]): Promise<(Dropped & { kind: Kind })[]> {
  return Promise.all(files.map(async (dropped) => ({ ...dropped, kind: await kindOf(dropped.file) })));
}

/** The files of BIDS data sets that are their scans, and all that are in none. */
function withoutDerivatives<T extends Dropped>(files: T[]): T[] {
  const roots = files.filter(({ path }) => nameOf(path) === BIDS_ROOT).map(({ path }) => pathOf(path));
  const others = roots.flatMap((root) => NOT_RAW.map((folder) => `${root}${folder}/`));
  return files.filter(({ path }) => !others.some((other) => path.startsWith(other)));
}

/** The kind of a file by its first bytes; of a damaged one by its suffix, so that reading it reports the damage. */
async function kindOf(file: File): Promise<Kind> {
  const start = new Uint8Array(await file.slice(0, 540).arrayBuffer());
  if (isNifti(start) || isGzip(start)) return "nifti";
  if (isDicom(start)) return "dicom";
  if (isTiff(start)) return (await isStack(file)) ? "stack" : "picture";
  if (isZip(start)) return "zip";
  if (NIFTI_NAME.test(file.name)) return "nifti";
  return isPicture(start) || PICTURE_NAME.test(file.name) ? "picture" : "other";
}

/** A patient for each folder with slices, and for each file with several. */
function groupPictures(pictures: Dropped[], stacks: Dropped[]): Patient[] {
  const isScan = ({ path }: Dropped) => parseName(nameOf(path)).role !== "mask" && !isResult(nameOf(path));
  const folders = groupBy(pictures.filter(isScan), ({ path }) => pathOf(path));
  const patients = [...folders.values()].map((files) => {
    const stem = stemOf(nameOf(files[0].path));
    return patientOf(files, folderOf(files[0].path) || stem.replace(/[_\-. ]*[0-9]+$/, "") || stem, readPictures);
  });
  const several = [
    ...patients.filter(({ files }) => files.length > 1), // one picture beside others is no scan but a preview
    ...stacks.filter(isScan).map((file) => patientOf([file], stemOf(nameOf(file.path)), readPictures)),
  ];
  if (several.length === 0 && patients.length === 0 && pictures.length + stacks.length > 0) {
    throw new Problem(`${list([...pictures, ...stacks])}: only masks or results. Expected: the scan itself.`);
  }
  return several.length > 0 ? several : patients;
}

function patientOf(files: Dropped[], name: string, read: Patient["read"]): Patient {
  return { name: safeName(name), files, place: placeOf(files), read };
}

/** Sorts by name. Names that are the same get those of their folders before them, or numbers where these are the same. */
function sortedWithUniqueNames(patients: Patient[]): Patient[] {
  let named = [...patients];
  for (let depth = 1; depth <= MAX_PREFIXES; depth++) {
    const counts = groupBy(named, ({ name }) => name.toLowerCase());
    named = named.map((patient, n) => {
      const places = new Set(counts.get(patient.name.toLowerCase())!.map(({ place }) => place));
      if (places.size === 1) return patient;
      const folders = patients[n].place.split("/").slice(0, -1);
      if (folders.at(-1) === patients[n].name) folders.pop();
      return { ...patient, name: safeName([...folders.slice(-depth), patients[n].name].join("_")) };
    });
  }
  const seen = new Map<string, number>();
  named.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return named.map((patient) => {
    const count = (seen.get(patient.name.toLowerCase()) ?? 0) + 1;
    seen.set(patient.name.toLowerCase(), count);
    return count === 1 ? patient : { ...patient, name: `${patient.name}_${count}` };
  });
}

function list(files: Dropped[]): string {
  const names = files.slice(0, LISTED).map(({ path }) => nameOf(path));
  return names.join(", ") + (files.length > LISTED ? `, and ${files.length - LISTED} more` : "");
}
