/** Painting and filling in one axial slice, at the cross. */

import { type Triple } from "../scan/matrix";

/** A mask with a disc painted (1) or erased (0) around a voxel: slice, row, column. */
export function paint(
  mask: Uint8Array,
  [, rows, columns]: Triple<number>,
  [s, r, c]: number[],
  size: number,
  value: 0 | 1,
): Uint8Array {
  const drawn = mask.slice();
  const radius = (size - 1) / 2;
  for (let dr = -Math.floor(radius); dr <= radius; dr++) {
    for (let dc = -Math.floor(radius); dc <= radius; dc++) {
      const [row, column] = [r + dr, c + dc];
      const isInside = row >= 0 && row < rows && column >= 0 && column < columns && Math.hypot(dr, dc) <= radius + 0.3;
      if (isInside) drawn[(s * rows + row) * columns + column] = value;
    }
  }
  return drawn;
}

/** A mask with the hole around a voxel filled; unchanged where the voxel is not enclosed within its slice. */
export function fillHole(mask: Uint8Array, [, rows, columns]: Triple<number>, [s, r, c]: number[]): Uint8Array {
  const drawn = mask.slice();
  const base = s * rows * columns;
  const queue = [[r, c]];
  for (let next = queue.pop(); next; next = queue.pop()) {
    const [row, column] = next;
    if (row < 0 || row >= rows || column < 0 || column >= columns) return mask; // reaches the border: no hole
    const n = base + row * columns + column;
    if (drawn[n]) continue;
    drawn[n] = 1;
    queue.push([row - 1, column], [row + 1, column], [row, column - 1], [row, column + 1]);
  }
  return drawn;
}
