/** The elements of the page. */

/** An element of index.html by its id. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
}

/** Shows or hides elements. */
export function show(visible: boolean, ...ids: string[]): void {
  for (const id of ids) element(id).hidden = !visible;
}

/** Makes a group of radio buttons, from values and labels; `onChange` is called when a person chooses one. */
export function radioGroup<T extends string>(
  name: string,
  labels: Record<T, string>,
  onChange: (value: T) => void,
): { value: T } {
  const inputs = Object.keys(labels).map((value) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
    input.addEventListener("change", () => onChange(value as T));
    return input;
  });
  element(name).replaceChildren(
    ...inputs.map((input) => {
      const label = document.createElement("label");
      label.append(input, withText("span", labels[input.value as T]));
      return label;
    }),
  );
  return {
    get value() {
      return inputs.find((input) => input.checked)?.value as T;
    },
    set value(value: T) {
      for (const input of inputs) input.checked = input.value === value;
    },
  };
}

/** A list of terms and values. */
export function fillTerms(list: HTMLElement, rows: [term: string, value: string][]): void {
  list.replaceChildren(
    ...rows.map(([term, value]) => {
      const row = document.createElement("div");
      row.append(withText("dt", term), withText("dd", value));
      return row;
    }),
  );
}

/** An element with a text. */
export function withText(tag: string, text: string): HTMLElement {
  const created = document.createElement(tag);
  created.textContent = text;
  return created;
}

/** The options of a selection. */
export function fillOptions(select: HTMLSelectElement, options: [value: string, text: string][], chosen: string): void {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

/** Lets the browser draw before a long computation. */
export function nextFrame(): Promise<void> {
  return new Promise((done) => setTimeout(done, 20));
}
