/** One patient's files, read: which volumes there are, and which sequence each is taken for. */

import { checkGreyLevels } from "./checks";
import { Grid } from "./grid";
import { SEQUENCES, type Sequence, TITLES } from "./names";
import { type Volume } from "./nifti";
import { Problem } from "./problem";
import { onto } from "./resample";

/** Which volume is which sequence, by its position in `Case.volumes`; absent: the scan does not have it. */
export type Choice = Partial<Record<Sequence, number>>;

export interface Case {
  /** The name of the case, safe as the name of a file. */
  id: string;
  kind: "nifti" | "dicom" | "slices" | "stack";
  /** Everything that could be one of the three sequences. */
  volumes: Volume[];
  choice: Choice;
  notes: string[];
  /** For slices: the name of each file without its suffix, in order. */
  stems: string[];
}

/** A case in the form that the network takes. */
export interface Scan {
  case: Case;
  choice: Choice;
  /** FLAIR as it is stored. */
  flair: Volume;
  /** Of FLAIR. */
  grid: Grid;
  /** Shape (S, H, W, 3), C order, in the network's orientation. */
  image: Float32Array;
  missing: Sequence[];
  notes: string[];
}

const LARGE_TILT_DEGREES = 25;
const FEWEST_PIXELS = 16; // of a row or column

/** Brings the chosen volumes onto the grid of FLAIR and into the network's orientation. */
export function makeScan(found: Case, choice: Choice): Scan {
  const flair = choice.flair === undefined ? undefined : found.volumes[choice.flair];
  if (!flair) {
    const names = found.volumes.map((volume) => volume.name).join(", ");
    throw new Problem(`No FLAIR among ${names}. Choose the file that is FLAIR in the panel.`);
  }
  const { grid } = flair;
  const [slices, rows, columns] = grid.networkShape;
  if (slices < 2 || Math.min(...grid.turnedShape.slice(1)) < FEWEST_PIXELS) {
    throw new Problem(
      `${flair.name}: ${grid.turnedShape.join(" x ")} voxels as slices, rows and columns. Expected: a whole scan, of two ` +
        `slices or more and ${FEWEST_PIXELS} x ${FEWEST_PIXELS} pixels or more. Choose the file or folder with all slices.`,
    );
  }
  const image = new Float32Array(slices * rows * columns * 3);
  const notes = [...found.notes, ...flair.notes, ...gridNotes(grid)];
  const turned = { flair: grid.toNetwork(flair.voxels) } as Record<Sequence, Float32Array>;
  checkGreyLevels(flair.name, flair.voxels);
  const missing: Sequence[] = [];
  for (const sequence of SEQUENCES) {
    const index = choice[sequence];
    if (sequence === "flair") continue;
    const volume = index === undefined ? undefined : found.volumes[index];
    if (volume && volume !== flair) {
      checkGreyLevels(volume.name, volume.voxels);
      const { voxels, notes: more } = onto(TITLES[sequence], volume, grid);
      turned[sequence] = grid.toNetwork(voxels);
      notes.push(...more);
    }
    if (!turned[sequence] || equal(turned[sequence], turned.flair)) {
      missing.push(sequence);
      turned[sequence] = turned.flair;
    }
  }
  SEQUENCES.forEach((sequence, channel) => {
    const values = turned[sequence];
    for (let n = 0; n < values.length; n++) image[3 * n + channel] = values[n];
  });
  if (missing.length) {
    notes.push(`Without ${missing.map((name) => TITLES[name]).join(" and ")}: filled with FLAIR, as in training.`);
  }
  return { case: found, choice, flair, grid, image, missing, notes };
}

/** What the network sees otherwise than the scan is stored. */
function gridNotes(grid: Grid): string[] {
  const [notes, spacing]: [string[], number[] | null] = [[], grid.spacingMm];
  if (!spacing) return notes;
  if (grid.sliceStep > 1) {
    notes.push(
      `Slices are ${Number(spacing[0].toPrecision(3))} mm apart; the network compares each with those ` +
        `${grid.sliceStep} slices away, which is about 5 mm as in its training data.`,
    );
  }
  if (grid.resampled) {
    notes.push(
      `The pixels of an axial slice are not square; slices were resampled to ${grid.networkShape.slice(1).join(" x ")} ` +
        `square pixels of ${Number(spacing[1].toPrecision(3))} mm, and the result back.`,
    );
  }
  if (grid.tiltDegrees > LARGE_TILT_DEGREES) {
    notes.push(
      `The slices are tilted by ${Math.round(grid.tiltDegrees)} degrees against the axial plane. The network was ` +
        "trained on axial slices; check the result with care.",
    );
  }
  return notes;
}

function equal(one: Float32Array, other: Float32Array): boolean {
  return one.every((value, n) => value === other[n]);
}
