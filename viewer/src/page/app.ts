/** What happens on the page: a case is opened and outlined; the editor has the rest. */

import { Cancelled, type Model, Network, type Progress } from "../network/network";
import { Outline } from "../outline/outline";
import { type Case, type Choice, type Scan, makeScan } from "../scan/case";
import { type Dropped } from "../scan/files";
import { type Volume } from "../scan/nifti";
import { Problem } from "../scan/problem";
import { readCase, readMask } from "../scan/recognise";
import { element, nextFrame, remembered, show } from "./dom";
import { Editor } from "./editor";
import { showBackgrounds, showNotes, showProgress, showSequences } from "./panel";
import { type Viewer } from "./viewer";

const SPEED = "seconds per slice";

export class App {
  readonly editor: Editor;
  #network: Network | null = null;
  #case: Case | null = null;
  #scan: Scan | null = null;
  #opened = 0; // counts what was opened, so that what comes late is ignored

  constructor(
    readonly viewer: Viewer,
    readonly findModel: () => Promise<Model>,
  ) {
    this.editor = new Editor(viewer);
  }

  get isBusy(): boolean {
    return this.#opened > 0;
  }

  get hasUnsaved(): boolean {
    return this.editor.outline?.unsaved ?? false;
  }

  /** Opens what a person dropped; `given` is a mask that is shown instead of running the network. */
  async open(files: Dropped[], given?: Dropped[]): Promise<void> {
    await this.#guarded(async (ticket) => {
      this.#reset();
      show(true, "run");
      showProgress("reading", 0, 0, null);
      await nextFrame();
      const found = await readCase(files);
      const mask = given && (await readMask(given));
      if (ticket !== this.#opened) return;
      this.#case = found;
      await this.#choose(found.choice, ticket, mask);
    });
  }

  /** Closes what is open. */
  close(): void {
    if (!this.#mayDiscard()) return;
    this.#opened++;
    this.#reset();
    show(true, "welcome", "intro");
  }

  /** Stops the network. */
  cancel(): void {
    this.#opened++;
    this.#network?.cancel();
    show(false, "run");
    show(this.#scan !== null, "again");
    show(this.#scan === null, "welcome", "intro");
  }

  /** Runs the network again, after it was stopped. */
  async runAgain(): Promise<void> {
    const scan = this.#scan;
    if (scan) await this.#guarded((ticket) => this.#run(scan, ticket));
  }

  async #choose(choice: Choice, ticket: number, mask?: Volume): Promise<void> {
    const found = this.#case!;
    showSequences(found, choice, (changed) => {
      void this.#guarded(async (next) => {
        this.#forgetOutline();
        await this.#choose(changed, next);
      });
    });
    showNotes(found.notes);
    const scan = makeScan(found, choice);
    this.#scan = scan;
    showNotes(scan.notes);
    showBackgrounds(scan);
    show(false, "welcome");
    await this.viewer.showImage(Float32Array.from(scan.grid.turn(scan.flair.voxels)), scan.grid);
    if (ticket !== this.#opened) return;
    if (mask) this.#showGiven(scan, mask);
    else await this.#run(scan, ticket);
  }

  async #run(scan: Scan, ticket: number): Promise<void> {
    show(true, "run");
    show(false, "again");
    this.#network ??= new Network(await this.findModel());
    const slices = scan.grid.networkShape[0];
    const perSlice = Number(remembered.getItem(SPEED)); // of the last scan; 0 before the first one
    const expected = perSlice > 0 ? perSlice * slices : null;
    let [latest, began]: [Progress | null, number] = [null, performance.now()];
    const draw = () => latest && showProgress(latest, slices, (performance.now() - began) / 1000, expected);
    const timer = setInterval(draw, 250);
    try {
      const { probability, seconds } = await this.#network.outline(scan, (progress) => {
        if (progress.phase !== latest?.phase) began = performance.now();
        latest = progress;
        draw();
      });
      if (ticket !== this.#opened) return;
      remembered.setItem(SPEED, String(seconds / slices));
      element("about").textContent = `${slices} slices in ${seconds.toFixed(1)} s`;
      const { threshold, smallest_lesion } = this.#network.model;
      this.editor.show(scan, new Outline(scan.grid, probability, { threshold, smallest_lesion }));
    } finally {
      clearInterval(timer);
      if (ticket === this.#opened) show(false, "run");
    }
  }

  #showGiven(scan: Scan, mask: Volume): void {
    if (String(mask.grid.turnedShape) !== String(scan.grid.turnedShape)) {
      throw new Problem(`${mask.name}: the mask has another size than the scan. Expected: the mask of this scan.`);
    }
    show(false, "run");
    const turned = Uint8Array.from(mask.grid.turn(mask.voxels), (value) => (value > 0 ? 1 : 0));
    this.editor.show(scan, new Outline(scan.grid, null, { threshold: 0.5, smallest_lesion: 0 }, turned));
  }

  /** Does something with what is opened; a fault becomes a message, and a later call makes an earlier one void. */
  async #guarded(action: (ticket: number) => Promise<void>): Promise<void> {
    if (!this.#mayDiscard()) return;
    const ticket = ++this.#opened;
    this.#network?.cancel();
    show(false, "error");
    try {
      await action(ticket);
    } catch (error) {
      if (ticket !== this.#opened || error instanceof Cancelled) return;
      show(false, "run");
      show(this.#scan !== null && this.editor.outline === null, "again");
      show(this.#scan === null, "welcome");
      show(this.#case === null, "intro");
      showError(error);
    }
  }

  #mayDiscard(): boolean {
    return !this.hasUnsaved || confirm("The corrections are not saved. Discard them?");
  }

  #forgetOutline(): void {
    this.#scan = null;
    this.editor.close();
    show(false, "again");
  }

  #reset(): void {
    this.#network?.cancel();
    this.#forgetOutline();
    this.#case = null;
    this.viewer.clear();
    show(false, "scan", "run", "error", "welcome", "intro");
  }
}

/** Shows a fault: one message. */
export function showError(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const memory = /memory|allocation|bad_alloc|out of bounds/i.test(text);
  const known = error instanceof Problem;
  element("error-text").textContent = known
    ? text
    : memory
      ? "Not enough memory for this scan in this browser. Close other tabs, or use brainseg predict."
      : `This did not work: ${text}`;
  show(true, "error");
}
