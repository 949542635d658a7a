/** What happens on the page: patients are found, and one is opened and outlined; the editor has the rest. */

import { type Model } from "../network/model";
import { Cancelled, Network, type Progress } from "../network/network";
import { Outline } from "../outline/outline";
import { type Case, type Choice, type Scan, makeScan } from "../scan/case";
import { type Dropped } from "../scan/files";
import { type Volume } from "../scan/nifti";
import { Problem } from "../scan/problem";
import { type Patient, findPatients, readMask } from "../scan/recognise";
import { element, nextFrame, show } from "./dom";
import { Editor } from "./editor";
import { showBackgrounds, showError, showNotes, showProgress, showSequences } from "./panel";
import { PatientList } from "./patients";
import { type Viewer } from "./viewer";

export class App {
  readonly editor: Editor;
  readonly patients = new PatientList(() => this.#mayDiscard());
  #network: Network | null = null;
  #case: Case | null = null;
  #scan: Scan | null = null;
  #task: AbortController | null = null; // of what was opened last, so that what comes late is ignored

  constructor(
    readonly viewer: Viewer,
    readonly findModel: () => Promise<Model>,
  ) {
    this.editor = new Editor(viewer);
  }

  get isBusy(): boolean {
    return this.#task !== null;
  }

  get hasUnsaved(): boolean {
    return this.editor.outline?.unsaved ?? false;
  }

  /** Loads the network before it is needed. */
  async prepare(): Promise<void> {
    const network = await this.#loaded();
    await network.prepare();
  }

  /** Opens what a person dropped: its first patient, and a list if there are several. */
  async open(files: Dropped[]): Promise<void> {
    await this.#guarded(async (signal) => {
      this.#startReading();
      this.patients.hide();
      show(false, "review");
      await nextFrame();
      const found = await findPatients(files);
      signal.throwIfAborted();
      const names = found.map(({ name }) => name);
      this.patients.show(names, 0, (index) => this.openPatient(found[index]));
      await this.#read(found[0], signal);
    });
  }

  /** Opens a patient; `given` is a mask that is shown instead of running the network. */
  async openPatient(patient: Patient, given?: Dropped[]): Promise<void> {
    await this.#guarded(async (signal) => {
      this.#startReading();
      await nextFrame();
      await this.#read(patient, signal, given);
    });
  }

  /** Closes what is open. */
  close(): void {
    if (!this.#mayDiscard()) return;
    this.#task?.abort(new Cancelled());
    this.#reset();
    this.patients.hide();
    show(false, "review");
    show(true, "welcome", "intro");
  }

  /** Stops the network. */
  cancel(): void {
    this.#task?.abort(new Cancelled());
    show(false, "run");
    show(this.#scan !== null, "again");
    show(this.#scan === null, "welcome", "intro");
  }

  /** Runs the network again, after it was stopped. */
  async runAgain(): Promise<void> {
    const scan = this.#scan;
    if (scan) await this.#guarded((signal) => this.#run(scan, signal));
  }

  async #read(patient: Patient, signal: AbortSignal, given?: Dropped[]): Promise<void> {
    const found = await patient.read(patient.name, patient.files);
    const mask = given && (await readMask(given));
    signal.throwIfAborted();
    this.#case = found;
    await this.#choose(found.choice, signal, mask);
  }

  async #choose(choice: Choice, signal: AbortSignal, mask?: Volume): Promise<void> {
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
    signal.throwIfAborted();
    if (mask) this.#showGiven(scan, mask);
    else await this.#run(scan, signal);
  }

  async #run(scan: Scan, signal: AbortSignal): Promise<void> {
    show(true, "run");
    show(false, "again");
    const network = await this.#loaded();
    const slices = scan.grid.networkShape[0];
    let [latest, began]: [Progress | null, number] = [null, 0];
    const draw = () => latest && showProgress(latest, slices, (performance.now() - began) / 1000);
    const timer = setInterval(draw, 250);
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
      this.editor.show(scan, new Outline(scan.grid, probability, { threshold, smallest_lesion }));
    } finally {
      clearInterval(timer);
      if (!signal.aborted) show(false, "run");
    }
  }

  async #loaded(): Promise<Network> {
    return (this.#network ??= new Network(await this.findModel()));
  }

  #showGiven(scan: Scan, mask: Volume): void {
    if (String(mask.grid.turnedShape) !== String(scan.grid.turnedShape)) {
      throw new Problem(`${mask.name}: the mask has another size than the scan. Expected: the mask of this scan.`);
    }
    show(false, "run");
    const turned = Uint8Array.from(mask.grid.turn(mask.voxels), (value) => (value > 0 ? 1 : 0));
    this.editor.show(scan, new Outline(scan.grid, null, { threshold: 0.5, smallest_lesion: 0 }, turned));
  }

  /** Does something with what is opened; a fault becomes a message, and a later call ends an earlier one. */
  async #guarded(action: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (!this.#mayDiscard()) return;
    this.#task?.abort(new Cancelled());
    const { signal } = (this.#task = new AbortController());
    show(false, "error");
    try {
      await action(signal);
    } catch (error) {
      if (signal.aborted) return;
      show(false, "run");
      show(this.#scan !== null && this.editor.outline === null, "again");
      show(this.#scan === null, "welcome");
      show(this.#case === null, "intro");
      showError(error);
    }
  }

  /** Whether corrections are saved, or the person gives them up; asks only once. */
  #mayDiscard(): boolean {
    const may = !this.hasUnsaved || confirm("The corrections are not saved. Discard them?");
    if (may && this.editor.outline) this.editor.outline.unsaved = false;
    return may;
  }

  #startReading(): void {
    this.#reset();
    show(true, "run");
    showProgress("reading", 0, 0);
  }

  #forgetOutline(): void {
    this.#scan = null;
    this.editor.close();
    show(false, "again");
  }

  #reset(): void {
    this.#forgetOutline();
    this.#case = null;
    this.viewer.clear();
    show(false, "scan", "run", "error", "welcome", "intro");
  }
}
