/** DICOM, converted to NIfTI by dcm2niix in a worker. */

import { Dcm2niix } from "@niivue/dcm2niix";
import { type Case, type Choice } from "./case";
import { MAX_VOXELS } from "./checks";
import { type DicomHeader, HEADER_BYTES, readDicomHeader } from "./dicomheader";
import { type Dropped, groupBy } from "./files";
import { SEQUENCES, TITLES } from "./names";
import { type Volume, readNifti } from "./nifti";
import { Problem } from "./problem";
import { type Sidecar, recogniseSequence, titleOfSeries } from "./sequences";

const MAX_BYTES = 2 ** 30;
const UNEVEN = /_(Eq|Tilt)(_|\.|$)/i; // what dcm2niix adds to the name where slices are not evenly spaced

/** Whether bytes begin as a DICOM file does. */
export function isDicom(start: Uint8Array): boolean {
  return String.fromCharCode(...start.subarray(128, 132)) === "DICM";
}

/** The files of each study. Files that belong to no study, such as DICOMDIR, are left out where there are others. */
export async function dicomStudies(files: Dropped[]): Promise<Dropped[][]> {
  const headers = await readHeaders(files);
  const studies = groupBy(files, ({ file }) => headers.get(file)?.study ?? "");
  const known = [...studies].filter(([study]) => study).map(([, list]) => list);
  const unknown = studies.get("") ?? [];
  if (known.length === 0) return [unknown];
  return known.length === 1 ? [[...known[0], ...unknown]] : known;
}

/** Reads a study. */
export async function readDicom(id: string, files: Dropped[]): Promise<Case> {
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  if (size > MAX_BYTES) {
    throw new Problem(
      `DICOM files of ${Math.round(size / 2 ** 20)} MB. Expected: one study of at most 1 GB. Drop its series alone.`,
    );
  }
  const found = await convert(files);
  if (found.length === 0) {
    throw new Problem("No MR series with images among the DICOM files. Expected: the series of one study, complete.");
  }
  for (const key of ["PatientID", "StudyInstanceUID"] as const) {
    const values = new Set(found.map(({ sidecar }) => sidecar[key] ?? ""));
    if (values.size > 1) {
      const what = key === "PatientID" ? "patients" : "studies";
      throw new Problem(
        `DICOM files of ${values.size} ${what}. Expected: one. Drop the folder of one ${what === "patients" ? "patient" : "study"}.`,
      );
    }
  }
  const agents = await seriesWithAgent(files);
  const roles = found.map(({ sidecar }) => recogniseSequence(sidecar, agents.has(sidecar.SeriesInstanceUID ?? "")));
  const choice: Choice = {};
  const notes: string[] = [];
  for (const sequence of SEQUENCES) {
    const indices = roles.flatMap((role, index) => (role === sequence ? [index] : []));
    if (indices.length > 1)
      notes.push(`${indices.length} series are ${TITLES[sequence]}; the first was taken. Choose another in the panel.`);
    if (indices.length > 0) choice[sequence] = indices[0];
  }
  if (choice.flair === undefined && found.length === 1 && roles[0] === null) {
    choice.flair = 0;
    notes.push("The headers do not say which sequence this is; it is taken as FLAIR.");
  }
  return { id, kind: "dicom", volumes: found.map(({ volume }) => volume), choice, notes, stems: [] };
}

async function convert(files: Dropped[]): Promise<{ volume: Volume; sidecar: Sidecar }[]> {
  const converter = new Dcm2niix();
  await converter.init();
  try {
    // Names in the converter's folder are numbers: those of the files may be equal or contain anything.
    const renamed = files.map(({ file }, n) => new File([file], `${n}.dcm`));
    const results = await converter
      .input(renamed)
      .ba("n")
      .z("n")
      .f("%s")
      .run()
      .catch(() => [] as File[]);
    const byName = new Map(results.map((file) => [file.name, file]));
    const found = [];
    for (const [name, file] of [...byName].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
      const json = byName.get(name.replace(/\.nii$/, ".json"));
      if (!name.endsWith(".nii") || !json) continue;
      if (UNEVEN.test(name)) {
        throw new Problem(
          `DICOM series ${name.split("_")[0]}: slices are missing, tilted or unevenly spaced. Copy the series again as a whole.`,
        );
      }
      const sidecar = JSON.parse(await json.text()) as Sidecar;
      const label = titleOfSeries(name.slice(0, -4), sidecar);
      const volume = await file.arrayBuffer().then((bytes) => readIfUsable(label, new Uint8Array(bytes)));
      if (volume) found.push({ volume, sidecar });
    }
    return found;
  } finally {
    converter.worker?.terminate();
  }
}

/** The SeriesInstanceUID of the series with contrast agent. */
async function seriesWithAgent(files: Dropped[]): Promise<Set<string>> {
  const headers = [...(await readHeaders(files)).values()];
  return new Set(headers.flatMap(({ series, agent }) => (agent ? [series] : [])));
}

/** The headers that can be read. */
async function readHeaders(files: Dropped[]): Promise<Map<File, DicomHeader>> {
  const headers = new Map<File, DicomHeader>();
  for (const { file } of files) {
    for (const size of HEADER_BYTES) {
      const header = readDicomHeader(await file.slice(0, size).arrayBuffer());
      if (header) headers.set(file, header);
      if (header || file.size <= size) break;
    }
  }
  return headers;
}

/** A volume, or null if the series is no single one, such as diffusion. */
function readIfUsable(label: string, bytes: Uint8Array): Volume | null {
  try {
    return readNifti(label, bytes, MAX_VOXELS);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
