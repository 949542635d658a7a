/** The patients on the page, where there are several: one is chosen from a list, or one follows the other. */

import { element, fillOptions, show } from "./dom";

/** Opens a patient by its position in the list. */
type Open = (index: number) => Promise<void>;

export class PatientList {
  #names: string[] = [];
  #current = 0;
  #open: Open = () => Promise.resolve();

  /** `mayLeave` is asked before another patient is opened. */
  constructor(readonly mayLeave: () => boolean) {
    this.#select.onchange = () => void this.#goTo(Number(this.#select.value));
    element("patient-next").onclick = () => void this.#goTo(this.#current + 1);
    element("patient-previous").onclick = () => void this.#goTo(this.#current - 1);
  }

  /** Shows a list; `first` is the patient that is open or about to be. */
  show(names: string[], first: number, open: Open): void {
    [this.#current, this.#open] = [first, open];
    this.rename(names);
    show(names.length > 1, "patients");
  }

  /** Changes what the list says about the same patients. */
  rename(names: string[]): void {
    this.#names = names;
    this.#draw();
  }

  /** Shows no list. */
  hide(): void {
    this.show([], 0, () => Promise.resolve());
  }

  get #select(): HTMLSelectElement {
    return element<HTMLSelectElement>("patient");
  }

  async #goTo(index: number): Promise<void> {
    const isThere = index >= 0 && index < this.#names.length && index !== this.#current;
    if (isThere && this.mayLeave()) this.#current = index;
    this.#draw();
    if (isThere && this.#current === index) await this.#open(index);
  }

  #draw(): void {
    const options = this.#names.map((name, n): [string, string] => [String(n), name]);
    fillOptions(this.#select, options, String(this.#current));
    element("patient-count").textContent = `${this.#current + 1} of ${this.#names.length}`;
    element<HTMLButtonElement>("patient-previous").disabled = this.#current === 0;
    element<HTMLButtonElement>("patient-next").disabled = this.#current === this.#names.length - 1;
  }
}
