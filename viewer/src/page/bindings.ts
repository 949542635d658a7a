/** Which key does what. */

import { element } from "./dom";
import { type Editor } from "./editor";
import { type Binding, listen } from "./keys";

/** Binds keys to what the mouse does. */
export function bindKeys(editor: Editor): void {
  const click = (selector: string) => () => document.querySelector<HTMLElement>(selector)?.click();
  const nudge = (id: string, steps: number) => () => {
    const input = element<HTMLInputElement>(id);
    input.value = String(Number(input.value) + steps * Number(input.step));
    input.dispatchEvent(new Event("input"));
  };
  const move = (right: number, anterior: number, up: number) => () => {
    if (editor.layout === "render") editor.viewer.camera.rotate(5 * right, 5 * anterior);
    else editor.viewer.camera.move(right, anterior, up);
  };
  const layouts = ["planes", "axial", "coronal", "sagittal", "render"];
  const tools = { l: "move", p: "pen", e: "eraser", f: "fill" };
  listen([
    ...binding("Arrows", "move the cross, turn the rendering", {
      ArrowLeft: move(1, 0, 0), // the patient's right is on the left
      ArrowRight: move(-1, 0, 0),
      ArrowUp: move(0, 1, 0),
      ArrowDown: move(0, -1, 0),
    }),
    ...binding("Page Up, Page Down", "slice above, below", { PageUp: move(0, 0, 1), PageDown: move(0, 0, -1) }),
    ...binding(
      "1 to 5",
      "layout",
      Object.fromEntries(layouts.map((name, n) => [n + 1, click(`input[name=layout][value=${name}]`)])),
    ),
    ...binding(
      "L, P, E, F",
      "look, pen, eraser, fill",
      Object.fromEntries(Object.entries(tools).map(([key, tool]) => [key, click(`input[name=tool][value=${tool}]`)])),
    ),
    ...binding("Space", "use the tool at the cross", { " ": () => editor.paintAtCross() }),
    ...binding("[ and ]", "size of the pen", { "[": nudge("size", -1), "]": nudge("size", 1) }),
    ...binding("Ctrl Z, Ctrl Y", "undo, redo", {
      "Ctrl+z": () => editor.undo(),
      "Ctrl+y": () => editor.redo(),
      "Ctrl+Z": () => editor.redo(),
    }),
    ...binding("- and +", "outline fainter, stronger", { "-": nudge("opacity", -1), "+": nudge("opacity", 1) }),
    ...binding(", and .", "threshold lower, higher", { ",": nudge("threshold", -1), ".": nudge("threshold", 1) }),
    ...binding("Z, Shift Z", "nearer, further away", {
      z: () => editor.viewer.camera.zoom(1.25),
      Z: () => editor.viewer.camera.zoom(1 / 1.25),
    }),
    ...binding("W, Shift W", "brighter, darker", {
      w: () => editor.viewer.camera.brighten(1.15),
      W: () => editor.viewer.camera.brighten(1 / 1.15),
    }),
    ...binding("B", "probability map", { b: click("#probability") }),
    ...binding("O", "choose files", { o: click("#open-files") }),
    ...binding("S", "save the outline", { s: click("#save-mask") }),
    ...binding("A, U, R", "accept, unsure, reject (review)", {
      a: click("input[value=accept]"),
      u: click("input[value=unsure]"),
      r: click("input[value=reject]"),
    }),
    ...binding("N, Shift N", "next, previous patient", {
      n: click("#patient-next"),
      N: click("#patient-previous"),
    }),
    ...binding("?", "this list", { "?": () => element<HTMLDialogElement>("keys").showModal() }),
  ]);
  element("keys-open").onclick = () => element<HTMLDialogElement>("keys").showModal();
}

function binding(keys: string, does: string, actions: Record<string, () => void>): Binding[] {
  return Object.entries(actions).map(([key, action]) => ({ keys: [key], label: [keys, does], does: action }));
}
