/** A run of the network, as it is seen: its progress, and how long it took. */

import { type Model } from "../network/model";
import { Network, type Progress } from "../network/network";
import { Outline } from "../outline/outline";
import { type Scan } from "../scan/case";
import { element, show } from "./dom";
import { showProgress } from "./panel";

const INTERVAL_MS = 250; // at which the time that is left is written again

export class Runner {
  #network: Promise<Network> | null = null;

  constructor(readonly findModel: () => Promise<Model>) {}

  /** Loads the network before it is needed. */
  async prepare(): Promise<void> {
    await (await this.#loaded()).prepare();
  }

  /** Outlines a scan; `signal` ends it. */
  async outline(scan: Scan, signal: AbortSignal): Promise<Outline> {
    show(true, "run");
    show(false, "again");
    const network = await this.#loaded();
    const slices = scan.grid.networkShape[0];
    let [latest, began]: [Progress | null, number] = [null, 0];
    const draw = () => latest && showProgress(latest, slices, (performance.now() - began) / 1000);
    const timer = setInterval(draw, INTERVAL_MS);
    try {
      const onProgress = (progress: Progress) => {
        if (progress.phase !== latest?.phase) began = performance.now();
        latest = progress;
        draw();
      };
      const { probability, secondsPerSlice } = await network.outline(scan, onProgress, signal);
      signal.throwIfAborted();
      element("about").textContent = `${slices} slices in ${(secondsPerSlice * slices).toFixed(1)} s`;
      const { threshold, smallest_lesion } = network.model;
      return new Outline(scan.grid, probability, { threshold, smallest_lesion });
    } finally {
      clearInterval(timer);
      if (!signal.aborted) show(false, "run");
    }
  }

  /** One network for all, also for those who ask while it is being found; after a fault it is looked for again. */
  #loaded(): Promise<Network> {
    return (this.#network ??= this.findModel().then(
      (model) => new Network(model),
      (error: unknown) => {
        this.#network = null;
        throw error;
      },
    ));
  }
}
