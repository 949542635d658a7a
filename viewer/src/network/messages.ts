/** What the page and the worker say to each other. */

/** Loads the network, unless it is loaded, and measures how fast it is here. */
export interface Prepare {
  kind: "prepare";
  /** Address of the ONNX file. */
  model: string;
  threads: number;
}

/** Outlines a scan; the network must have been prepared. */
export interface Outline {
  kind: "outline";
  /** Shape (S, H, W, 3), C order. */
  image: Float32Array;
  shape: number[];
  sliceStep: number;
}

export type Request = Prepare | Outline;

export type Reply =
  | { kind: "progress"; phase: "download"; done: number; total: number }
  | { kind: "progress"; phase: "prepare" }
  | { kind: "done"; probability: Float32Array; secondsPerSlice: number }
  | { kind: "failed"; message: string };
