/** Which sequence a DICOM series is, by its header, as in `brainseg/scans/dicom_sequences.py`. */

import { type Role } from "./names";

/** What dcm2niix says about a series; times in seconds. */
export interface Sidecar {
  Modality?: string;
  SeriesNumber?: number;
  SeriesDescription?: string;
  ProtocolName?: string;
  SequenceName?: string;
  PulseSequenceName?: string;
  ImageType?: string[];
  EchoTime?: number;
  RepetitionTime?: number;
  InversionTime?: number;
  PatientID?: string;
  StudyInstanceUID?: string;
  SeriesInstanceUID?: string;
}

const FLAIR_WORDS = /flair|dark.?fluid|tirm.*dark|fluid.?atten/;
const T1_WORDS = /t1|mprage|mp.?rage|spgr|bravo|vibe|thrive|tfe3d|fspgr|ir.?fspgr|tfl3d/;
const OTHER_WORDS =
  /(?<![a-z])(t2|pd|dwi|adc|dti|diff|trace|b1000|swi|swan|gre.?t2|hemo|tof|angio|mra|mrv|perf\w*|dsc|dce|asl|cbf|cbv|bold|fmri|spectro\w*|stir|mip|sub|subtraction|field.?map|phase)(?![a-z])/;
const LOCALISER_WORDS = /locali[sz]er|scout|survey|3.?plane|(?<![a-z])loc(?![a-z])/;
const PRE_WORDS = /(?<![a-z])(pre|nativ\w*|native|without|w\/?o|ohne|nongd|non.?contrast|unenhanced)(?![a-z])/;
const POST_WORDS =
  /(?<![a-z])(post|gd|gad|gado\w*|\+?c\+|\+c|ce|km|contrast|kontrast|enhanced|mdc)(?![a-z])|t1.?(c|ce|gd|gad|km)(?![a-z])/;
const DERIVED = ["PROJECTION IMAGE", "MIP", "MPR", "SUBTRACTION", "ADC", "TRACEW", "FA", "PHASE", "P", "MOSAIC", "CBF"];
const LATE_ECHO_MS = 60;
const EARLY_ECHO_MS = 30;

/** The sequence of a series; `other` for one that is not used, null if the header does not say. */
export function recogniseSequence(sidecar: Sidecar, hasAgent: boolean): Role | null {
  const words = wordsOf(sidecar);
  if (!isUsable(sidecar)) return "other";
  const weighting = byName(words, ms(sidecar.EchoTime)) ?? byTimes(sidecar);
  if (weighting !== "t1") return weighting;
  if (PRE_WORDS.test(words)) return "pre-contrast";
  return hasAgent || POST_WORDS.test(words) ? "post-contrast" : "pre-contrast";
}

/** How the page calls a series: by its number, and by what the scanner calls it, for who chooses by hand. */
export function titleOfSeries(number: string, { SeriesDescription, ProtocolName }: Sidecar): string {
  const description = (SeriesDescription ?? ProtocolName ?? "").replaceAll("_", " ").trim();
  return `series ${number} ${description}`.trim();
}

function isUsable(sidecar: Sidecar): boolean {
  const type = sidecar.ImageType ?? [];
  if ((sidecar.Modality ?? "MR") !== "MR" || type.includes("LOCALIZER")) return false;
  return !LOCALISER_WORDS.test(wordsOf(sidecar)) && !type.some((word) => DERIVED.includes(word));
}

function wordsOf({ SeriesDescription, ProtocolName, SequenceName, PulseSequenceName }: Sidecar): string {
  return [SeriesDescription, ProtocolName, SequenceName, PulseSequenceName]
    .filter(Boolean)
    .join(" ")
    .toLowerCase()
    .replaceAll("_", " ");
}

function ms(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000;
}

function byName(words: string, echo: number | null): "flair" | "t1" | "other" | null {
  const [flair, t1] = [FLAIR_WORDS.test(words), T1_WORDS.test(words)];
  if (flair && t1) return echo === null || echo < LATE_ECHO_MS ? "t1" : "flair"; // "T1 FLAIR"
  if (flair) return "flair";
  if (OTHER_WORDS.test(words)) return "other";
  return t1 ? "t1" : null;
}

function byTimes(sidecar: Sidecar): "flair" | "t1" | "other" | null {
  const [echo, repetition, inversion] = [sidecar.EchoTime, sidecar.RepetitionTime, sidecar.InversionTime].map(ms);
  if (echo === null) return null;
  if (inversion && inversion >= 1500 && inversion <= 3200) return echo >= LATE_ECHO_MS ? "flair" : "other";
  if (echo > EARLY_ECHO_MS) return "other";
  if (inversion) return inversion >= 300 && inversion <= 1450 ? "t1" : "other";
  if (repetition === null) return null;
  return repetition <= 15 || (repetition >= 250 && repetition <= 1100) ? "t1" : "other";
}
