/** Affines: 4 x 4 matrices from voxel indices to millimetres towards right, anterior and superior (RAS). */

export type Affine = number[][];
export type Triple<T> = [T, T, T];

/** Product of two matrices. */
export function multiply(a: number[][], b: number[][]): number[][] {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
}

/** Determinant of the upper left 3 x 3 part. */
export function determinant(m: number[][]): number {
  return (
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
    m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
    m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
  );
}

/** Inverse of an affine. */
export function invert(m: Affine): Affine {
  const d = determinant(m);
  const cofactor = (r: number, c: number) => {
    const [i, j] = [(r + 1) % 3, (r + 2) % 3];
    const [k, l] = [(c + 1) % 3, (c + 2) % 3];
    return (m[i][k] * m[j][l] - m[i][l] * m[j][k]) / d;
  };
  const inverse = [0, 1, 2].map((r) => [cofactor(0, r), cofactor(1, r), cofactor(2, r), 0]);
  for (const row of inverse) row[3] = -(row[0] * m[0][3] + row[1] * m[1][3] + row[2] * m[2][3]);
  return [...inverse, [0, 0, 0, 1]];
}

/** Lengths of the columns: the size of a voxel along each storage axis, mm. */
export function columnLengths(m: Affine): Triple<number> {
  return [0, 1, 2].map((j) => Math.hypot(m[0][j], m[1][j], m[2][j])) as Triple<number>;
}

/** Where a voxel lies, mm. */
export function apply(m: Affine, [i, j, k]: Triple<number>): Triple<number> {
  return [0, 1, 2].map((r) => m[r][0] * i + m[r][1] * j + m[r][2] * k + m[r][3]) as Triple<number>;
}
