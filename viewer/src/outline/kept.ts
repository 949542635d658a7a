/** The outlines of the patients in the list, so that one who is opened again is shown as they were left. */

import { type Choice } from "../scan/case";
import { type Outline } from "./outline";

const MAX_KEPT_VOXELS = 2 ** 25; // in all; an outline takes 7 to 12 bytes for each, so this is at most 0.4 GB

/** What is kept of a patient; the files are read again. */
export interface Kept {
  choice: Choice;
  outline: Outline;
}

export class KeptOutlines {
  readonly #kept = new Map<string, Kept>(); // by the patient's name; the one that was opened last is the last

  constructor(readonly maxVoxels = MAX_KEPT_VOXELS) {}

  /**
   * Keeps an outline. When there are too many, those that were not looked at for longest are forgotten: first those
   * without corrections, then those whose corrections are saved, and never the others.
   */
  keep(patient: string, kept: Kept): void {
    this.#kept.delete(patient);
    this.#kept.set(patient, kept);
    let voxels = 0;
    for (const { outline } of this.#kept.values()) voxels += outline.mask.length;
    const others = [...this.#kept].filter(([name, { outline }]) => name !== patient && !outline.unsaved);
    const withoutCorrections = others.filter(([, { outline }]) => !outline.corrected);
    for (const [name, { outline }] of [...withoutCorrections, ...others]) {
      if (voxels <= this.maxVoxels) return;
      if (this.#kept.delete(name)) voxels -= outline.mask.length;
    }
  }

  get(patient: string): Kept | undefined {
    return this.#kept.get(patient);
  }

  /** Forgets a patient, or all. */
  forget(patient?: string): void {
    if (patient === undefined) this.#kept.clear();
    else this.#kept.delete(patient);
  }

  /** The patients with corrections that are not saved. */
  get unsaved(): string[] {
    return [...this.#kept].flatMap(([patient, { outline }]) => (outline.unsaved ? [patient] : []));
  }
}
