/** The compressions of TIFF that the browser does not know. */

/** PackBits as in TIFF 6.0, section 9. */
export function decodePackBits(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  let out = 0;
  for (let at = 0; at < bytes.length && out < length;) {
    const code = (bytes[at++] << 24) >> 24;
    if (code >= 0) {
      result.set(bytes.subarray(at, at + code + 1), out);
      at += code + 1;
      out += code + 1;
    } else if (code > -128) {
      result.fill(bytes[at++], out, out + 1 - code);
      out += 1 - code;
    }
  }
  return result.subarray(0, out);
}

/** LZW as in TIFF 6.0, section 13: codes of 9 to 12 bits, the highest bit first. */
export function decodeLzw(bytes: Uint8Array, length: number): Uint8Array {
  const [CLEAR, END] = [256, 257];
  const result = new Uint8Array(length);
  const start = new Uint32Array(4096); // where the text of each code is in the result
  const size = new Uint32Array(4096);
  let [out, bits, width, next, before] = [0, 0, 9, 258, 0]; // before: length of the text of the previous code
  while (bits + width <= bytes.length * 8) {
    let code = 0;
    for (let n = 0; n < width; n++, bits++) code = (code << 1) | ((bytes[bits >> 3] >> (7 - (bits & 7))) & 1);
    if (code === END) break;
    if (code === CLEAR) {
      [width, next, before] = [9, 258, 0];
      continue;
    }
    if (before > 0 && next < 4096) {
      [start[next], size[next]] = [out - before, before + 1]; // the previous text and the first byte of this one
      next++;
    }
    const begin = out;
    if (code < 256) result[out++] = code;
    else if (code < next) for (let n = 0; n < size[code]; n++) result[out++] = result[start[code] + n];
    else throw new RangeError("an unknown LZW code");
    if (out > length) throw new RangeError("too long");
    before = out - begin;
    if (next >= (1 << width) - 1 && width < 12) width++;
  }
  return result.subarray(0, out);
}
