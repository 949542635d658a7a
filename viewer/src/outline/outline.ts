/** The outline of a scan: probabilities, a threshold, and what a person corrected by hand, with undo and redo. */

import { type Grid } from "../scan/grid";
import { removeSmallLesions } from "./measures";

/** From which probability a voxel is tumour, and how many voxels a lesion has at least. */
export interface OperatingPoint {
  threshold: number;
  smallest_lesion: number;
}

const [UNTOUCHED, REMOVED, ADDED] = [0, 1, 2];

interface Step {
  voxels: Uint32Array;
  before: Uint8Array;
  after: Uint8Array;
}

export class Outline {
  /** Slices, rows, columns with the pixels as they are stored; 1 is tumour. Without and with corrections. */
  automatic: Uint8Array;
  mask: Uint8Array;
  /** The automatic one in the network's orientation; null if only a mask is known. */
  networkMask: Uint8Array | null = null;
  /** Probabilities with the pixels as they are stored; null if only a mask is known. */
  readonly probability: Float32Array | null;
  #edits: Uint8Array;
  #corrections = 0; // voxels that are edited
  #steps: Step[] = [];
  #done = 0; // how many steps are not undone
  #saved = 0; // how many were not when it was saved; -1 if one of those is gone

  /**
   * @param grid of FLAIR.
   * @param network probabilities in the network's orientation, or null.
   * @param point threshold and smallest lesion; `threshold` may change.
   * @param given a mask, slices, rows, columns, where no probabilities are known.
   */
  constructor(
    readonly grid: Grid,
    readonly network: Float32Array | null,
    readonly point: OperatingPoint,
    given?: Uint8Array,
  ) {
    this.probability = network && grid.toTurned(network);
    this.automatic = given ?? this.#threshold();
    this.mask = this.automatic.slice();
    this.#edits = new Uint8Array(this.mask.length);
  }

  /** Another threshold; corrections by hand stay. */
  setThreshold(threshold: number): void {
    this.point.threshold = threshold;
    this.automatic = this.#threshold();
    this.#combine();
  }

  /** Takes a mask that a person drew, as one step that can be undone; returns how many voxels changed. */
  draw(drawn: Uint8Array): number {
    const changed: number[] = [];
    for (let n = 0; n < drawn.length; n++) if (!drawn[n] !== !this.mask[n]) changed.push(n);
    if (changed.length > 0) {
      const voxels = Uint32Array.from(changed);
      const after = Uint8Array.from(changed, (n) => (drawn[n] ? ADDED : REMOVED));
      this.#do({ voxels, before: Uint8Array.from(changed, (n) => this.#edits[n]), after });
    }
    return changed.length;
  }

  /** Takes all corrections back, as one step that can be undone. */
  discard(): void {
    const changed: number[] = [];
    this.#edits.forEach((edit, n) => edit !== UNTOUCHED && changed.push(n));
    if (changed.length === 0) return;
    const before = Uint8Array.from(changed, (n) => this.#edits[n]);
    this.#do({ voxels: Uint32Array.from(changed), before, after: new Uint8Array(changed.length) });
  }

  get canUndo(): boolean {
    return this.#done > 0;
  }

  get canRedo(): boolean {
    return this.#done < this.#steps.length;
  }

  /** Whether the mask differs from what the network and the threshold say. */
  get corrected(): boolean {
    return this.#corrections > 0;
  }

  /** Whether corrections would be lost: there are some, or there were when it was saved, and it differs from that. */
  get unsaved(): boolean {
    return this.#done !== this.#saved && (this.#saved !== 0 || this.corrected);
  }

  /** Where in its history the outline is, for `markSaved`. */
  get step(): number {
    return this.#done;
  }

  markSaved(step: number): void {
    this.#saved = step;
  }

  undo(): void {
    if (this.canUndo) this.#set(this.#steps[--this.#done], "before");
  }

  redo(): void {
    if (this.canRedo) this.#set(this.#steps[this.#done++], "after");
  }

  #do(step: Step): void {
    if (this.#saved > this.#done) this.#saved = -1;
    this.#steps.length = this.#done;
    this.#steps.push(step);
    this.redo();
  }

  #set(step: Step, which: "before" | "after"): void {
    step.voxels.forEach((n, index) => {
      const edit = step[which][index];
      this.#corrections += Number(edit !== UNTOUCHED) - Number(this.#edits[n] !== UNTOUCHED);
      this.#edits[n] = edit;
    });
    this.#combine();
  }

  #combine(): void {
    this.mask = this.automatic.map((value, n) => (this.#edits[n] ? this.#edits[n] - REMOVED : value));
  }

  #threshold(): Uint8Array {
    const { network } = this;
    if (!network) return this.automatic;
    const threshold = Math.fround(this.point.threshold); // NumPy compares float32 with float32
    const mask = new Uint8Array(network.length).map((_, n) => (network[n] >= threshold ? 1 : 0)); // `from` takes 10 times as long
    this.networkMask = removeSmallLesions(mask, this.grid.networkShape, this.point.smallest_lesion);
    return this.grid.maskToTurned(this.networkMask);
  }
}
