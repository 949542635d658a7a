/** What stands beside the page: the network and its operating point. */

import { type OperatingPoint } from "../outline/outline";

/** What model.json and operating_point.json beside the network say. */
export interface Model extends OperatingPoint {
  url: string;
}

/** Reads what stands beside the network. */
export async function findModel(): Promise<Model> {
  const base = new URL("model/", document.baseURI);
  const [card, point] = await Promise.all(
    ["model.json", "operating_point.json"].map((name) => fetchJson(new URL(name, base))),
  );
  const files = card.files as Record<string, string> | undefined;
  const digest = files?.["unet.onnx"];
  const url = new URL("unet.onnx", base);
  if (digest) url.search = digest.slice(0, 16); // another network has another address, so that no cache confuses them
  return { url: url.href, ...(point as unknown as OperatingPoint) };
}

async function fetchJson(url: URL): Promise<Record<string, unknown>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname.split("/").at(-1)} is missing beside the page`);
  return (await response.json()) as Record<string, unknown>;
}
