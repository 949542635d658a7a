/** Starts the page. */

import { findModel } from "../network/model";
import { threadsOfPage } from "../network/network";
import { type Dropped, filesOfDrop, filesOfList } from "../scan/files";
import { type Sequence } from "../scan/names";
import { App } from "./app";
import { element, radioGroup, show } from "./dom";
import { bindKeys } from "./bindings";
import { type Editor } from "./editor";
import { workOffline } from "./offline";
import { showError } from "./panel";
import { startReview } from "./review";
import { type Layout, type Tool, Viewer } from "./viewer";

const LAYOUTS = { planes: "All", axial: "Axial", coronal: "Coronal", sagittal: "Sagittal", render: "3-D" };
const TOOLS = { move: "Look", pen: "Pen", eraser: "Eraser", fill: "Fill" };

async function start(): Promise<void> {
  const viewer = await Viewer.create(element<HTMLCanvasElement>("canvas"));
  const app = new App(viewer, findModel);
  connectFiles(app);
  connectView(app.editor);
  connectCorrection(app.editor);
  connectSaving(app.editor);
  bindKeys(app.editor);
  window.addEventListener("beforeunload", (event) => {
    if (app.hasUnsaved) event.preventDefault();
  });
  const threads = threadsOfPage();
  element("about").textContent = threads === 1 ? "1 thread" : `${threads} threads`;
  document.body.dataset.ready = "yes";
  const isReview = await startReview(app);
  await workOffline(() => app.isBusy);
  if (!isReview) await app.prepare().catch(() => undefined); // the first scan tries it again, and says what is wrong
}

function connectFiles(app: App): void {
  const open = (files: Dropped[]) => void app.open(files);
  for (const id of ["files", "folder"]) {
    const input = element<HTMLInputElement>(id);
    element(`open-${id}`).onclick = () => input.click();
    input.onchange = () => {
      const chosen = [...(input.files ?? [])];
      input.value = ""; // so that the same files can be chosen again
      if (chosen.length > 0) open(filesOfList(chosen));
    };
  }
  element("open-example").onclick = () => void openExample(app);
  element("close-scan").onclick = () => app.close();
  element("cancel").onclick = () => app.cancel();
  element("run-again").onclick = () => void app.runAgain();
  element("error-close").onclick = () => show(false, "error");
  let depth = 0;
  window.addEventListener("dragenter", () => show(++depth > 0, "drop-hint"));
  window.addEventListener("dragleave", () => show(--depth > 0, "drop-hint"));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    show(false, "drop-hint");
    if (event.dataTransfer) void filesOfDrop(event.dataTransfer).then(open, showError);
  });
}

async function openExample(app: App): Promise<void> {
  const names = ["example_flair.nii.gz", "example_t1.nii.gz", "example_t1ce.nii.gz"];
  try {
    const files = names.map(async (name) => {
      const response = await fetch(new URL(`example/${name}`, document.baseURI));
      if (!response.ok) throw new Error(`${name} is missing beside the page`);
      return { path: name, file: new File([await response.blob()], name) };
    });
    await app.open(await Promise.all(files));
  } catch (error) {
    showError(error);
  }
}

function connectView(editor: Editor): void {
  const layout = radioGroup<Layout>("layout", LAYOUTS, (value) => editor.setLayout(value));
  const isNarrow = matchMedia("(max-width: 760px)").matches; // four views are too small there
  editor.setLayout((layout.value = isNarrow ? "axial" : "planes"));
  slider("opacity", (value) => {
    editor.viewer.setOpacity(value);
    return `${Math.round(100 * value)} %`;
  });
  const threshold = element<HTMLInputElement>("threshold");
  threshold.oninput = () => editor.setThreshold(Number(threshold.value));
  const probability = element<HTMLInputElement>("probability");
  probability.onchange = () => void editor.showProbability(probability.checked);
  const background = element<HTMLSelectElement>("background");
  background.onchange = () => void editor.showBackground(background.value as Sequence);
}

function connectCorrection(editor: Editor): void {
  radioGroup<Tool>("tool", TOOLS, (tool) => editor.setTool(tool)).value = "move";
  slider("size", (value) => {
    editor.setPenSize(value);
    return `${value} voxel${value === 1 ? "" : "s"}`;
  });
  element("undo").onclick = () => editor.undo();
  element("redo").onclick = () => editor.redo();
  element("discard").onclick = () => editor.discard();
}

function connectSaving(editor: Editor): void {
  element("save-mask").onclick = () => void editor.saveMask().catch(showError);
  element("save-probability").onclick = () => void editor.saveProbability().catch(showError);
  element("save-picture").onclick = () => void editor.savePicture().catch(showError);
  element("save-numbers").onclick = () => editor.saveNumbers();
}

/** A slider whose value is shown beside it. */
function slider(id: string, onInput: (value: number) => string): void {
  const input = element<HTMLInputElement>(id);
  const update = () => (element(`${id}-text`).textContent = onInput(Number(input.value)));
  input.oninput = update;
  update();
}

start().catch((error: unknown) => {
  const noGraphics = error instanceof Error && /webgl/i.test(error.message);
  showError(noGraphics ? new Error("this browser has no WebGL 2, which draws the slices.") : error);
});
