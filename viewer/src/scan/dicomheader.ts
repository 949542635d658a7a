/** The few fields of a DICOM header that are needed before dcm2niix reads it, or that it does not tell. */

const SOP_CLASS = 0x0008_0016;
const PATIENT_ID = 0x0010_0020;
const STUDY_UID = 0x0020_000d;
const SERIES_UID = 0x0020_000e;
const AGENT = 0x0018_0010;
const AGENT_SEQUENCE = 0x0018_0012; // of enhanced images
const SERIES_NUMBER = 0x0020_0011;
const ORIENTATION = 0x0020_0037; // ImageOrientationPatient; the fields after it are not needed
const ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4."; // begins the classes that say the orientation in another place
const [ITEM, ITEM_END, SEQUENCE_END] = [0xfffe_e000, 0xfffe_e00d, 0xfffe_e0dd];
const UNDEFINED = 0xffff_ffff;
const LONG = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"]; // lengths of four bytes
const NO_AGENT = /^(no|none|n|0)$/i;
export const HEADER_BYTES = [2 ** 13, 2 ** 17]; // of a file that are looked at: first few, then more

export interface DicomHeader {
  /** PatientID and StudyInstanceUID: a study is of one patient, whatever an anonymisation made of its number. */
  study: string;
  /** SeriesInstanceUID. */
  series: string;
  /** SeriesNumber; empty if there is none. */
  number: string;
  /** Whether a contrast agent was given. */
  agent: boolean;
  /** False if the header does not say how the slice lies in the patient. */
  oriented: boolean;
}

/** The header of a file of a series; null if it cannot be read, as in rare transfer syntaxes. */
export function readDicomHeader(start: ArrayBuffer): DicomHeader | null {
  const view = new DataView(start);
  let [patient, study, series, number, agent] = ["", "", "", "", false];
  let [enhanced, oriented] = [false, true];
  try {
    const syntax = readSyntax(view);
    if (syntax.name.startsWith("1.2.840.10008.1.2.2") || syntax.name === "1.2.840.10008.1.2.1.99") return null;
    const explicit = syntax.name !== "1.2.840.10008.1.2";
    walk(view, syntax.end, view.byteLength, explicit, (tag, at, length) => {
      if (tag === SOP_CLASS) enhanced = textAt(view, at, length).startsWith(ENHANCED_MR);
      if (tag === PATIENT_ID) patient = textAt(view, at, length);
      if (tag === STUDY_UID) study = textAt(view, at, length);
      if (tag === SERIES_UID) series = textAt(view, at, length);
      if (tag === AGENT) agent ||= isAgent(textAt(view, at, length));
      if (tag === AGENT_SEQUENCE) agent ||= length > 0;
      if (tag === SERIES_NUMBER) number = textAt(view, at, length);
      if (tag > ORIENTATION) oriented = enhanced; // the fields are in order: it is not there
      return tag < ORIENTATION;
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header is cut off
  }
  return series ? { study: `${patient} ${study}`.trim(), series, number, agent, oriented } : null;
}

function isAgent(text: string): boolean {
  return text !== "" && !NO_AGENT.test(text);
}

/** Group 0002 is always explicit; its first field says how long it is. */
function readSyntax(view: DataView): { name: string; end: number } {
  let name = "1.2.840.10008.1.2";
  const end = 144 + view.getUint32(140, true);
  walk(view, 132, end, true, (tag, at, length) => {
    if (tag === 0x0002_0010) name = textAt(view, at, length);
    return true;
  });
  return { name, end };
}

/** Visits the elements from one place to another; stops where `visit` says false. Returns where it stopped. */
function walk(
  view: DataView,
  from: number,
  to: number,
  explicit: boolean,
  visit: (tag: number, at: number, length: number) => boolean,
): number {
  let at = from;
  while (at + 8 <= to) {
    const tag = view.getUint16(at, true) * 65536 + view.getUint16(at + 2, true);
    if (tag === ITEM_END || tag === SEQUENCE_END) return at + 8;
    let [start, length] = [at + 8, view.getUint32(at + 4, true)];
    if (explicit && tag < ITEM) {
      const long = LONG.includes(textAt(view, at + 4, 2));
      length = long ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
      if (long) start = at + 12;
    }
    if (!visit(tag, start, length)) return at;
    at = length === UNDEFINED ? walk(view, start, view.byteLength, explicit, () => true) : start + length;
  }
  return at;
}

function textAt(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, at, length);
  return String.fromCharCode(...bytes)
    .replace(/[\0 ]+$/, "")
    .trim();
}
