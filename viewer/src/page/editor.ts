/** The outline on the page: shown, measured, corrected by hand and saved. */

import { fillHole, paint } from "../outline/brush";
import { doubtOf } from "../outline/doubt";
import { type Measures, measure, placeToLookAt } from "../outline/measures";
import { type Outline } from "../outline/outline";
import { type Scan } from "../scan/case";
import { SEQUENCES, type Sequence } from "../scan/names";
import { element, show } from "./dom";
import { showDoubt, showMeasures } from "./panel";
import { download, maskFile, numbersFile, probabilityFile } from "./save";
import { type Layout, type Tool, type Viewer } from "./viewer";

const WITH_OUTLINE = ["result", "view", "correct", "save"];

export class Editor {
  #tool: Tool = "move";
  #layout: Layout = "planes";
  #penSize = 3;
  #open: { scan: Scan; outline: Outline; measures: Measures } | null = null;

  /** `onChange` is called after each change, and when the outline was saved. */
  constructor(
    readonly viewer: Viewer,
    readonly onChange: () => void,
  ) {
    viewer.onDrawn = (mask) => this.#change((outline) => outline.draw(mask));
  }

  /** The outline that is shown; null if there is none. */
  get outline(): Outline | null {
    return this.#open?.outline ?? null;
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Shows the outline of a scan, and moves the cross to where it is largest. */
  show(scan: Scan, outline: Outline): void {
    this.#open = { scan, outline, measures: measure(outline.mask, outline.probability, outline.grid) };
    show(true, ...WITH_OUTLINE);
    show(outline.probability !== null, "threshold-field", "probability-field", "save-probability");
    element<HTMLInputElement>("threshold").value = String(outline.point.threshold);
    element("threshold-text").textContent = outline.point.threshold.toFixed(2);
    this.#change(() => undefined);
    const place = placeToLookAt(outline.mask, outline.grid.turnedShape);
    if (place) this.viewer.camera.goTo(place);
  }

  /** Shows no outline. */
  close(): void {
    this.#open = null;
    element<HTMLInputElement>("probability").checked = false;
    show(false, ...WITH_OUTLINE);
  }

  /** Changes the outline; draws it and its numbers. */
  #change(action: (outline: Outline) => void): void {
    if (!this.#open) return;
    const { outline } = this.#open;
    action(outline);
    this.viewer.showMask(outline.mask);
    this.#open.measures = measure(outline.mask, outline.probability, outline.grid);
    showMeasures(this.#open.measures, outline.grid.storedSpacingMm, outline.corrected);
    showDoubt(doubtOf(outline));
    element<HTMLButtonElement>("undo").disabled = !outline.canUndo;
    element<HTMLButtonElement>("redo").disabled = !outline.canRedo;
    element<HTMLButtonElement>("discard").disabled = !outline.corrected;
    this.onChange();
  }

  setThreshold(threshold: number): void {
    element("threshold-text").textContent = threshold.toFixed(2);
    this.#change((outline) => outline.setThreshold(threshold));
  }

  undo(): void {
    this.#change((outline) => outline.undo());
  }

  redo(): void {
    this.#change((outline) => outline.redo());
  }

  discard(): void {
    this.#change((outline) => outline.discard());
  }

  setTool(tool: Tool): void {
    this.#tool = tool;
    this.viewer.setTool(tool);
  }

  setPenSize(size: number): void {
    this.#penSize = size;
    this.viewer.setPenSize(size);
  }

  setLayout(layout: Layout): void {
    this.#layout = layout;
    this.viewer.setLayout(layout);
  }

  /** Paints, erases or fills at the cross, for those who use keys. */
  paintAtCross(): void {
    if (this.#tool === "move") return;
    const { place } = this.viewer.camera;
    this.#change((outline) => {
      const { turnedShape } = outline.grid;
      const value = this.#tool === "pen" ? 1 : 0;
      const isFill = this.#tool === "fill";
      outline.draw(
        isFill
          ? fillHole(outline.mask, turnedShape, place)
          : paint(outline.mask, turnedShape, place, this.#penSize, value),
      );
    });
  }

  async showProbability(visible: boolean): Promise<void> {
    await this.viewer.showProbability(visible ? (this.outline?.probability ?? null) : null);
  }

  /** Shows another sequence under the outline. */
  async showBackground(sequence: Sequence): Promise<void> {
    if (!this.#open) return;
    const { scan, outline } = this.#open;
    const channel = SEQUENCES.indexOf(sequence);
    const plane = new Float32Array(scan.image.length / 3).map((_, n) => scan.image[3 * n + channel]);
    await this.viewer.showImage(scan.grid.toTurned(plane), scan.grid);
    this.viewer.showMask(outline.mask);
    await this.showProbability(element<HTMLInputElement>("probability").checked);
  }

  async saveMask(): Promise<void> {
    if (!this.#open) return;
    const { scan, outline } = this.#open;
    const { step } = outline;
    download(...(await maskFile(scan, outline.mask)));
    outline.markSaved(step);
    this.onChange();
  }

  async saveProbability(): Promise<void> {
    const probability = this.outline?.probability;
    if (this.#open && probability) download(...(await probabilityFile(this.#open.scan, probability)));
  }

  saveNumbers(): void {
    if (this.#open) download(...numbersFile(this.#open.scan, this.#open.outline, this.#open.measures));
  }

  async savePicture(): Promise<void> {
    if (this.#open) download(`${this.#open.scan.case.id}_view.png`, await this.viewer.picture());
  }
}
