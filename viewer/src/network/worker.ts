/** Runs the network, so that the page stays alive; the page ends the worker to cancel. */

import * as ort from "onnxruntime-web/wasm";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import loader from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import { type Reply, type Request } from "./messages";

let session: ort.InferenceSession | null = null; // kept for the next scan

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    session ??= await load(data);
    await outline(session, data);
  } catch (error) {
    reply({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};

async function load({ model, threads }: Request): Promise<ort.InferenceSession> {
  ort.env.wasm.wasmPaths = { wasm: new URL(wasm, self.location.href), mjs: new URL(loader, self.location.href) };
  ort.env.wasm.numThreads = threads;
  const bytes = await download(model);
  reply({ kind: "progress", phase: "prepare", done: 0, total: 0 });
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
}

async function download(model: string): Promise<Uint8Array> {
  const response = await fetch(model);
  if (!response.ok || !response.body) throw new Error(`the network could not be loaded (${response.status})`);
  const total = Number(response.headers.get("Content-Length"));
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    done += part.value.length;
    reply({ kind: "progress", phase: "download", done, total });
  }
  const bytes = new Uint8Array(done);
  chunks.reduce((at, chunk) => (bytes.set(chunk, at), at + chunk.length), 0);
  return bytes;
}

async function outline(network: ort.InferenceSession, { image, shape, sliceStep }: Request): Promise<void> {
  const began = performance.now();
  reply({ kind: "progress", phase: "outline", done: 0, total: shape[0] });
  const results = await network.run({
    image: new ort.Tensor("float32", image, shape),
    slice_step: new ort.Tensor("int64", BigInt64Array.of(BigInt(sliceStep)), [1]),
  });
  const probability = results.probability.data as Float32Array;
  const seconds = (performance.now() - began) / 1000;
  reply({ kind: "result", probability: probability.slice(), seconds });
}

function reply(message: Reply): void {
  if (message.kind === "result") self.postMessage(message, { transfer: [message.probability.buffer] });
  else self.postMessage(message);
}
