/** What happens on the page: patients are found, and one is opened and outlined; the editor has the rest. */

import { type Model } from "../network/model";
import { KeptOutlines } from "../outline/kept";
import { Outline } from "../outline/outline";
import { type Case, type Choice, type Scan, makeScan } from "../scan/case";
import { type Dropped } from "../scan/files";
import { type Volume } from "../scan/nifti";
import { Problem } from "../scan/problem";
import { type Patient, findPatients, readMask } from "../scan/recognise";
import { nextFrame, show } from "./dom";
import { Editor } from "./editor";
import { showError, showNotes, showProgress, showScan, showSequences } from "./panel";
import { PatientList } from "./patients";
import { Runner } from "./run";
import { Task } from "./task";
import { type Viewer } from "./viewer";

export class App {
  readonly editor: Editor;
  readonly patients = new PatientList(() => this.#kept.unsaved);
  readonly #runner: Runner;
  readonly #kept = new KeptOutlines();
  #case: Case | null = null;
  #scan: Scan | null = null;
  readonly #task = new Task();

  constructor(
    readonly viewer: Viewer,
    findModel: () => Promise<Model>,
  ) {
    this.#runner = new Runner(findModel);
    this.editor = new Editor(viewer, () => this.patients.draw());
  }

  get isBusy(): boolean {
    return this.#task.wasBegun;
  }

  get hasUnsaved(): boolean {
    return this.#kept.unsaved.length > 0;
  }

  /** Loads the network before it is needed. */
  prepare(): Promise<void> {
    return this.#runner.prepare();
  }

  /** Opens what a person dropped: its first patient, and a list if there are several. */
  async open(files: Dropped[]): Promise<void> {
    if (!mayDiscard(this.#kept.unsaved)) return;
    await this.#guarded(async (signal) => {
      this.#forgetPatients();
      await this.#startReading();
      const found = await findPatients(files);
      signal.throwIfAborted();
      this.patients.show(
        found.map(({ name }) => name),
        0,
        (index) => this.openPatient(found[index]),
      );
      await this.#read(found[0], signal);
    });
  }

  /** Opens a patient as it was left, or else outlines it; `given` is a mask to show instead of running the network. */
  async openPatient(patient: Patient, given?: Dropped[]): Promise<void> {
    await this.#guarded(async (signal) => {
      await this.#startReading();
      await this.#read(patient, signal, given);
    });
  }

  /** Closes what is open. */
  close(): void {
    if (!mayDiscard(this.#kept.unsaved)) return;
    this.#task.cancel();
    this.#reset();
    this.#forgetPatients();
    show(true, "welcome", "intro");
  }

  /** Stops the network. */
  cancel(): void {
    this.#task.cancel();
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
    const kept = this.#kept.get(found.id);
    const mask = given && !kept ? await readMask(given) : undefined;
    signal.throwIfAborted();
    this.#case = found;
    await this.#choose(kept?.choice ?? found.choice, signal, kept?.outline ?? mask);
  }

  /** Shows a scan with an outline or a mask that is known, or else with what the network says. */
  async #choose(choice: Choice, signal: AbortSignal, known?: Outline | Volume): Promise<void> {
    const found = this.#case!;
    this.#showSequences(found, choice);
    showNotes(found.notes);
    const scan = makeScan(found, choice);
    this.#scan = scan;
    showScan(scan);
    show(false, "welcome");
    await this.viewer.showImage(Float32Array.from(scan.grid.turn(scan.flair.voxels)), scan.grid);
    signal.throwIfAborted();
    if (known) this.#show(scan, known instanceof Outline ? known : outlineOfMask(scan, known));
    else await this.#run(scan, signal);
  }

  async #run(scan: Scan, signal: AbortSignal): Promise<void> {
    this.#show(scan, await this.#runner.outline(scan, signal));
  }

  #show(scan: Scan, outline: Outline): void {
    show(false, "run");
    this.#kept.keep(scan.case.id, { choice: scan.choice, outline });
    this.editor.show(scan, outline);
  }

  #showSequences(found: Case, choice: Choice): void {
    showSequences(found, choice, (changed) => {
      const unsaved = this.#kept.unsaved.filter((name) => name === found.id);
      if (!mayDiscard(unsaved)) return this.#showSequences(found, choice);
      void this.#guarded(async (signal) => {
        this.#kept.forget(found.id);
        this.#closeScan();
        await this.#choose(changed, signal);
      });
    });
  }

  /** Does something with what is opened; a fault becomes a message, and a later call ends an earlier one. */
  #guarded(action: (signal: AbortSignal) => Promise<void>): Promise<void> {
    show(false, "error");
    return this.#task.run(action, (error) => {
      show(false, "run");
      show(this.#scan !== null && this.editor.outline === null, "again");
      show(this.#scan === null, "welcome");
      show(this.#case === null, "intro");
      showError(error);
    });
  }

  async #startReading(): Promise<void> {
    this.#reset();
    show(true, "run");
    showProgress("reading", 0, 0);
    await nextFrame();
  }

  #closeScan(): void {
    this.#scan = null;
    this.editor.close();
    show(false, "again");
  }

  #reset(): void {
    this.#closeScan();
    this.#case = null;
    this.viewer.clear();
    show(false, "scan", "run", "error", "welcome", "intro");
  }

  #forgetPatients(): void {
    this.#kept.forget();
    this.patients.hide();
    show(false, "review");
  }
}

/** Whether a person gives up the corrections of these patients; asks nothing if there are none. */
function mayDiscard(unsaved: string[]): boolean {
  return unsaved.length === 0 || confirm(`Corrections are not saved: ${unsaved.join(", ")}. Discard them?`);
}

function outlineOfMask(scan: Scan, mask: Volume): Outline {
  if (String(mask.grid.turnedShape) !== String(scan.grid.turnedShape)) {
    throw new Problem(`${mask.name}: the mask has another size than the scan. Expected: the mask of this scan.`);
  }
  const turned = mask.grid.turn(mask.voxels);
  const given = new Uint8Array(turned.length).map((_, n) => (turned[n] > 0 ? 1 : 0));
  return new Outline(scan.grid, null, { threshold: 0.5, smallest_lesion: 0 }, given);
}
