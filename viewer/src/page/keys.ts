/** Keys for all that the mouse does. */

import { element, fillTerms } from "./dom";

/** What a key does; `repeat` if holding it down repeats it. */
export interface Binding {
  keys: string[];
  /** As the list of keys calls it; several bindings may share a line. */
  label: [keys: string, does: string];
  does: () => void;
}

/** Listens for keys, except while a person types or a control of the panel uses them. */
export function listen(bindings: Binding[]): void {
  const byKey = new Map(bindings.flatMap((binding) => binding.keys.map((key) => [key, binding])));
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const name = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.shiftKey && event.key.length > 1 ? "Shift+" : ""}${event.key}`;
    const binding = byKey.get(name) ?? byKey.get(name.toLowerCase());
    if (!binding || event.altKey || element<HTMLDialogElement>("keys").open || isUsing(target, event.key)) return;
    event.preventDefault();
    event.stopPropagation(); // NiiVue has keys of its own
    binding.does();
  };
  window.addEventListener("keydown", onKey, { capture: true });
  for (const type of ["keydown", "keyup"]) {
    element("canvas").addEventListener(type, (event) => event.stopImmediatePropagation(), { capture: true });
  }
  const labels = new Map(bindings.map(({ label: [keys, does] }) => [does, keys]));
  fillTerms(
    document.querySelector<HTMLElement>("#keys dl")!,
    [...labels].map(([does, keys]) => [keys, does]),
  );
}

/** Whether a control needs the key itself. */
function isUsing(target: HTMLElement, key: string): boolean {
  if (target.matches("textarea, select, input[type=text]")) return true;
  if (target.matches("input[type=range], input[type=radio]"))
    return key.startsWith("Arrow") || key.startsWith("Page") || key === " ";
  return target.matches("button, summary, input, a") && (key === " " || key === "Enter");
}
