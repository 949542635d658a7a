/** Slices with other numbers of rows and columns. */

import { type Triple } from "./matrix";

/** Resamples slices linearly, with half-pixel centres and repeated edges, as OpenCV does. */
export function resizeSlices(array: Float32Array, from: Triple<number>, to: Triple<number>): Float32Array {
  const [slices, rows, columns] = from;
  const [, height, width] = to;
  const vertical = linearWeights(rows, height);
  const horizontal = linearWeights(columns, width);
  const result = new Float32Array(slices * height * width);
  for (let s = 0, out = 0; s < slices; s++) {
    const base = s * rows * columns;
    for (const { low: top, high: bottom, share: down } of vertical) {
      const [above, below] = [base + top * columns, base + bottom * columns];
      for (const { low, high, share } of horizontal) {
        const upper = array[above + low] * (1 - share) + array[above + high] * share;
        const lower = array[below + low] * (1 - share) + array[below + high] * share;
        result[out++] = upper * (1 - down) + lower * down;
      }
    }
  }
  return result;
}

function linearWeights(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, index) => {
    const position = Math.min(Math.max(((index + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(position);
    return { low, high: Math.min(low + 1, from - 1), share: position - low };
  });
}

/** Rounds as Python's `round`: halves to the even neighbour. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
