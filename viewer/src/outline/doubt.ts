/** How far an outline can be trusted, by the rules of `brainseg/prediction/doubt.py`, which explains them. */

import { type Triple } from "../scan/matrix";
import { type Outline } from "./outline";

const UNCERTAIN = 0.1; // doubt
const FEW_SLICES = 4; // slices with tumour

export interface Doubt {
  /** 0 (certain) to 1. */
  value: number;
  /** Why the outline is worth a second look, the weightiest first; empty if nothing is remarkable. */
  reasons: string[];
}

/**
 * Doubt about an outline, without a reference to compare it with: 1 minus the Soft Dice Confidence.
 *
 * @param probability slices, rows, columns in the network's orientation.
 * @param mask the outline, same shape.
 */
export function doubt(probability: Float32Array, mask: Uint8Array, [slices, rows, columns]: Triple<number>): Doubt {
  const area = rows * columns;
  const count = Array.from({ length: slices }, (_, s) => mask.subarray(s * area, (s + 1) * area).includes(1)).filter(
    Boolean,
  ).length;
  if (count === 0) return { value: 1, reasons: ["nothing outlined, but every patient in training had a tumour"] };
  let [inside, total, voxels] = [0, 0, 0];
  for (let n = 0; n < mask.length; n++) {
    total += probability[n];
    if (mask[n]) {
      inside += probability[n];
      voxels++;
    }
  }
  const value = 1 - (2 * inside) / (total + voxels);
  const reasons = [];
  if (value >= UNCERTAIN) reasons.push("vague margin");
  if (count < FEW_SLICES) reasons.push(count === 1 ? "only one slice" : `only ${count} slices`);
  return { value, reasons };
}

/** Doubt about an outline as the network gave it, without corrections; null if no probabilities are known. */
export function doubtOf({ network, networkMask, grid }: Outline): Doubt | null {
  return network && networkMask && doubt(network, networkMask, grid.networkShape);
}
