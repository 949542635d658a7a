/** What the page and the worker say to each other. */

export interface Request {
  /** Shape (S, H, W, 3), C order. */
  image: Float32Array;
  shape: number[];
  sliceStep: number;
  /** Address of the ONNX file, and how many bytes it has. */
  model: string;
  threads: number;
}

export type Reply =
  | { kind: "progress"; phase: "download" | "prepare" | "outline"; done: number; total: number }
  | { kind: "result"; probability: Float32Array; seconds: number }
  | { kind: "failed"; message: string };
