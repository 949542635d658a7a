/** The network as the page sees it: one scan at a time, with progress, and a way to stop. */

import { type Scan } from "../scan/case";
import { type Reply, type Request } from "./messages";
import { type Model } from "./model";

/** How far a run is; the graph runs as a whole, so what is done of the outline is estimated from the speed. */
export type Progress =
  | { phase: "download"; done: number; total: number }
  | { phase: "prepare" }
  | { phase: "outline"; expectedSeconds: number };

type Done = Extract<Reply, { kind: "done" }>;

/** A run was stopped by the person at the page, or by another scan. */
export class Cancelled extends Error {}

const MOST_THREADS = 8;

export class Network {
  #worker: Worker | null = null;
  #ready: Promise<unknown> | null = null;
  #secondsPerSlice = 0;
  #progress: Progress = { phase: "prepare" };
  #onProgress: (progress: Progress) => void = () => undefined;
  #fail: ((error: Error) => void) | null = null; // ends what the worker is doing

  constructor(readonly model: Model) {}

  /** Loads the network, so that the first scan need not wait for it. */
  prepare(): Promise<unknown> {
    return (this.#ready ??= this.#ask({ kind: "prepare", model: this.model.url, threads: threadsOfPage() }));
  }

  /**
   * Probabilities of a scan in the network's orientation, and how long a slice took.
   *
   * @param signal ends the run at once; a network that is still being loaded goes on loading.
   */
  async outline({ grid, image }: Scan, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Done> {
    this.#onProgress = (progress) => signal.aborted || onProgress(progress);
    onProgress(this.#progress);
    await unlessAborted(this.prepare(), signal);
    const slices = grid.networkShape[0];
    onProgress({ phase: "outline", expectedSeconds: this.#secondsPerSlice * slices });
    const stop = () => this.#fail?.(new Cancelled());
    signal.addEventListener("abort", stop);
    try {
      const shape = [...grid.networkShape, 3];
      return await this.#ask({ kind: "outline", image, shape, sliceStep: grid.sliceStep });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Gives the worker something to do, and waits for the end of it. */
  #ask(request: Request): Promise<Done> {
    const worker = (this.#worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
    return new Promise((resolve, reject) => {
      this.#fail = (error) => {
        worker.terminate();
        [this.#worker, this.#ready, this.#fail] = [null, null, null];
        reject(error);
      };
      worker.onerror = (event) => this.#fail?.(new Error(event.message || "the network could not be started"));
      worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (data.kind === "progress") this.#onProgress((this.#progress = data));
        else if (data.kind === "failed") this.#fail?.(new Error(data.message));
        else {
          this.#secondsPerSlice = data.secondsPerSlice;
          resolve(data);
        }
      };
      worker.postMessage(request);
    });
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(new Cancelled());
    signal.addEventListener("abort", () => reject(new Cancelled()), { once: true });
  });
  return Promise.race([promise, aborted]);
}

/** Threads of the computation; more than one needs a page that is cross-origin isolated. */
export function threadsOfPage(): number {
  return crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
}
