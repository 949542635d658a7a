/** The patients on the page, where there are several: one is chosen from a list, or one follows the other. */

import { element, fillOptions, show } from "./dom";

/** Opens a patient by its position in the list. */
type Open = (index: number) => Promise<void>;

export class PatientList {
  #names: string[] = [];
  #markOf: (index: number) => string = () => "";
  #current = 0;
  #open: Open = () => Promise.resolve();

  /** `findUnsaved` names the patients of whom corrections are not saved. */
  constructor(readonly findUnsaved: () => string[]) {
    this.#select.onchange = () => void this.#goTo(Number(this.#select.value));
    element("patient-next").onclick = () => void this.#goTo(this.#current + 1);
    element("patient-previous").onclick = () => void this.#goTo(this.#current - 1);
  }

  /** Shows a list; `first` is the patient that is open or about to be, and a mark may stand before a name. */
  show(names: string[], first: number, open: Open, markOf: (index: number) => string = () => ""): void {
    [this.#names, this.#current, this.#open, this.#markOf] = [names, first, open, markOf];
    this.draw();
    show(names.length > 1, "patients");
  }

  /** Shows no list. */
  hide(): void {
    this.show([], 0, () => Promise.resolve());
  }

  get #select(): HTMLSelectElement {
    return element<HTMLSelectElement>("patient");
  }

  async #goTo(index: number): Promise<void> {
    if (index < 0 || index >= this.#names.length || index === this.#current) return;
    this.#current = index;
    this.draw();
    await this.#open(index);
  }

  /** Writes the list again, after marks or corrections changed. */
  draw(): void {
    const unsaved = this.findUnsaved();
    const options = this.#names.map((name, n): [string, string] => [
      String(n),
      `${this.#markOf(n)} ${name}${unsaved.includes(name) ? " (not saved)" : ""}`.trim(),
    ]);
    fillOptions(this.#select, options, String(this.#current));
    element("patient-count").textContent = `${this.#current + 1} of ${this.#names.length}`;
    element<HTMLButtonElement>("patient-previous").disabled = this.#current === 0;
    element<HTMLButtonElement>("patient-next").disabled = this.#current === this.#names.length - 1;
  }
}
