/** The network as the page sees it: one scan at a time, with progress, and a way to stop. */

import { type OperatingPoint } from "../outline/outline";
import { type Scan } from "../scan/case";
import { type Reply, type Request } from "./messages";

/** What model.json and operating_point.json beside the network say. */
export interface Model extends OperatingPoint {
  url: string;
  /** SHA-256 of the ONNX file, hexadecimal; empty if unknown. */
  digest: string;
}

export type Progress = Extract<Reply, { kind: "progress" }>;

/** A run was stopped by the person at the page, or by a second scan. */
export class Cancelled extends Error {}

const MOST_THREADS = 8;

export class Network {
  #worker: Worker | null = null;
  #stop: ((error: Error) => void) | null = null;

  constructor(readonly model: Model) {}

  /** Probabilities of a scan in the network's orientation, and the seconds that the network took. */
  async outline(
    scan: Scan,
    onProgress: (progress: Progress) => void,
  ): Promise<{ probability: Float32Array; seconds: number }> {
    this.cancel();
    const worker = (this.#worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
    try {
      return await new Promise((resolve, reject) => {
        this.#stop = reject;
        worker.onerror = (event) => reject(new Error(event.message || "the network could not be started"));
        worker.onmessage = ({ data }: MessageEvent<Reply>) => {
          if (data.kind === "progress") onProgress(data);
          else if (data.kind === "failed") reject(new Error(data.message));
          else resolve(data);
        };
        const { grid, image } = scan;
        const request: Request = {
          image,
          shape: [...grid.networkShape, 3],
          sliceStep: grid.sliceStep,
          model: this.model.url,
          threads: threadsOfPage(),
        };
        worker.postMessage(request);
      });
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      this.#stop = null;
    }
  }

  /** Stops a run, if there is one. */
  cancel(): void {
    const stop = this.#stop;
    if (!stop) return;
    this.#end();
    stop(new Cancelled());
  }

  #end(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#stop = null;
  }
}

/** Threads of the computation; more than one needs a page that is cross-origin isolated. */
export function threadsOfPage(): number {
  return crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
}

/** Reads what stands beside the network. */
export async function findModel(): Promise<Model> {
  const base = new URL("model/", document.baseURI);
  const [card, point] = await Promise.all(
    ["model.json", "operating_point.json"].map((name) => fetchJson(new URL(name, base))),
  );
  const files = card.files as Record<string, string> | undefined;
  const digest = files?.["unet.onnx"] ?? "";
  const url = new URL("unet.onnx", base);
  if (digest) url.search = digest.slice(0, 16); // another network has another address, so that no cache confuses them
  return { url: url.href, digest, ...(point as unknown as OperatingPoint) };
}

async function fetchJson(url: URL): Promise<Record<string, unknown>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname.split("/").at(-1)} is missing beside the page`);
  return (await response.json()) as Record<string, unknown>;
}
