/** The DICOM files of patients: their studies, and which series of a study is which sequence. */

import { type Case, type Choice } from "./case";
import { type DicomHeader, HEADER_BYTES, readDicomHeader } from "./dicomheader";
import { type Converted, convertSeries } from "./dicomseries";
import { type Dropped, groupBy } from "./files";
import { SEQUENCES, TITLES } from "./names";
import { Problem } from "./problem";
import { recogniseSequence } from "./sequences";

const MAX_BYTES = 2 ** 30;
const UNORIENTED = "whose slices do not say how they lie in the patient (no ImageOrientationPatient)";

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
  const headers = await readHeaders(files);
  const { found, faults } = await convertStudy(files, headers);
  checkOnePatient(found);
  const agents = new Set([...headers.values()].flatMap(({ series, agent }) => (agent ? [series] : [])));
  const roles = found.map(({ sidecar }) => recogniseSequence(sidecar, agents.has(sidecar.SeriesInstanceUID ?? "")));
  const choice: Choice = {};
  const leftOut = faults.length > 0 ? [`Left out: ${faults.join("; ")}.`] : [];
  const notes = [...leftOut];
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
  if (choice.flair === undefined && leftOut.length > 0 && !roles.includes(null)) {
    throw new Problem(`No FLAIR among the series that can be read. ${leftOut[0]} Export the study again as a whole.`);
  }
  if (found.length === 0) {
    throw new Problem(
      "No MR series with images among the DICOM files, or compressed in a way that is not read here. Expected: the " +
        "series of one study, complete.",
    );
  }
  return { id, kind: "dicom", volumes: found.map(({ volume }) => volume), choice, notes, stems: [] };
}

/** Converts the series one by one, so that a damaged one is no fault of the others; sorted by their titles. */
async function convertStudy(
  files: Dropped[],
  headers: Map<File, DicomHeader>,
): Promise<{ found: Converted[]; faults: string[] }> {
  const [found, faults]: [Converted[], string[]] = [[], []];
  const all = groupBy(files, ({ file }) => headers.get(file)?.series ?? "");
  for (const series of all.values()) {
    const members = series.map(({ file }) => file);
    const known = members.map((file) => headers.get(file));
    const { volumes, fault } = await convertSeries(members);
    const isOriented = known.every((header) => header?.oriented ?? true);
    if (isOriented) found.push(...volumes);
    const reason = fault ?? (isOriented || volumes.length === 0 ? null : UNORIENTED);
    const number = known[0]?.number;
    if (reason) faults.push(`${number ? `series ${number}` : "a series"}, ${reason}`);
  }
  found.sort((a, b) => a.volume.name.localeCompare(b.volume.name, "en", { numeric: true }));
  return { found, faults };
}

function checkOnePatient(found: Converted[]): void {
  for (const [key, what, one] of [
    ["PatientID", "patients", "patient"],
    ["StudyInstanceUID", "studies", "study"],
  ] as const) {
    const values = new Set(found.map(({ sidecar }) => sidecar[key] ?? ""));
    if (values.size > 1) {
      throw new Problem(`DICOM files of ${values.size} ${what}. Expected: one. Drop the folder of one ${one}.`);
    }
  }
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
