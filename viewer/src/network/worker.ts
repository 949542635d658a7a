/** Runs the network, so that the page stays alive; the page ends the worker to cancel. */

import * as ort from "onnxruntime-web/wasm";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import loader from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import { type Prepare, type Reply, type Request } from "./messages";

const TRIAL = [2, 32, 32, 3]; // shape of an image on which the speed is measured

let session: ort.InferenceSession;

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    if (data.kind === "prepare") await prepare(data);
    else reply(await outline(data.image, data.shape, data.sliceStep));
  } catch (error) {
    reply({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};

/** Loads the network and runs it twice: browsers compile what is used, and the second run shows its speed. */
async function prepare({ model, threads }: Prepare): Promise<void> {
  ort.env.wasm.wasmPaths = { wasm: new URL(wasm, self.location.href), mjs: new URL(loader, self.location.href) };
  ort.env.wasm.numThreads = threads;
  const bytes = await download(model);
  reply({ kind: "progress", phase: "prepare" });
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const trial = Float32Array.from({ length: TRIAL.reduce((a, b) => a * b) }, (_, n) => n % 97);
  await outline(trial, TRIAL, 1);
  reply(await outline(trial, TRIAL, 1));
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

async function outline(image: Float32Array, shape: number[], sliceStep: number): Promise<Reply> {
  const began = performance.now();
  const results = await session.run({
    image: new ort.Tensor("float32", image, shape),
    slice_step: new ort.Tensor("int64", BigInt64Array.of(BigInt(sliceStep)), [1]),
  });
  const secondsPerSlice = (performance.now() - began) / 1000 / shape[0];
  return { kind: "done", probability: (results.probability.data as Float32Array).slice(), secondsPerSlice };
}

function reply(message: Reply): void {
  if (message.kind === "done") self.postMessage(message, { transfer: [message.probability.buffer] });
  else self.postMessage(message);
}
