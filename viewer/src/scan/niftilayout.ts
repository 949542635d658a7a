/** Where the fields of a NIfTI header are. */

/** Where the fields of a header are: version 1 has 348 bytes, version 2 has 540. */
export function layout(version: 1 | 2) {
  return version === 1
    ? {
        dim: 40,
        wide: 2,
        type: 70,
        pixdim: 76,
        real: 4,
        offset: 108,
        slope: 112,
        units: 123,
        unitsWide: 1,
        qcode: 252,
        codeWide: 2,
        quatern: 256,
        srow: 280,
      }
    : {
        dim: 16,
        wide: 8,
        type: 12,
        pixdim: 104,
        real: 8,
        offset: 168,
        slope: 176,
        units: 500,
        unitsWide: 4,
        qcode: 344,
        codeWide: 4,
        quatern: 352,
        srow: 400,
      };
}
