/** The side panel: what was found, how the run goes, the numbers of the outline, and faults. */

import { type Progress } from "../network/network";
import { type Doubt } from "../outline/doubt";
import { type Measures } from "../outline/measures";
import { type Case, type Choice, type Scan } from "../scan/case";
import { SEQUENCES, type Sequence, TITLES } from "../scan/names";
import { Problem } from "../scan/problem";
import { element, fillOptions, fillTerms, show, withText } from "./dom";

const ORDER: Sequence[] = ["flair", "pre-contrast", "post-contrast"];
const NONE = "";

/** Which file was taken for which sequence; `onChoice` is called when a person changes it. */
export function showSequences(found: Case, choice: Choice, onChoice: (choice: Choice) => void): void {
  element("scan-name").textContent = found.id;
  element("scan-size").textContent = "";
  const rows = ORDER.map((sequence) => {
    const label = withText("label", TITLES[sequence]);
    const select = document.createElement("select");
    select.dataset.sequence = sequence;
    const options: [string, string][] = found.volumes.map(({ name }, n) => [String(n), name]);
    const none: [string, string] = [NONE, sequence === "flair" ? "choose a file" : "none"];
    fillOptions(select, [none, ...options], String(choice[sequence] ?? NONE));
    select.addEventListener("change", () => {
      const changed: Choice = {};
      for (const other of SEQUENCES) {
        const value = document.querySelector<HTMLSelectElement>(`select[data-sequence="${other}"]`)!.value;
        if (value !== NONE && (other === sequence || value !== select.value)) changed[other] = Number(value);
      }
      onChoice(changed);
    });
    label.append(select);
    return label;
  });
  element("sequences").replaceChildren(...rows);
  show(true, "scan");
}

/** What is known about a scan that is opened: its size, notes, and the sequences that can be shown. */
export function showScan(scan: Scan): void {
  const [slices, rows, columns] = scan.grid.turnedShape;
  element("scan-size").textContent = `${slices} slices of ${columns} x ${rows}`;
  showNotes(scan.notes);
  const present = ORDER.filter((sequence) => !scan.missing.includes(sequence));
  fillOptions(
    element<HTMLSelectElement>("background"),
    present.map((sequence) => [sequence, TITLES[sequence]]),
    "flair",
  );
}

/** What was noted about a scan. */
export function showNotes(notes: string[]): void {
  const details = element("notes");
  details.hidden = notes.length === 0;
  details.querySelector("summary")!.textContent = notes.length === 1 ? "1 note" : `${notes.length} notes`;
  details.querySelector("ul")!.replaceChildren(...notes.map((note) => withText("li", note)));
}

/** How far a run is; what is not known is not shown as known. */
export function showProgress(progress: Progress | "reading", slices: number, seconds: number): void {
  const bar = element<HTMLProgressElement>("progress");
  const set = (text: string, share: number | null) => {
    element("run-text").textContent = text;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
  };
  if (progress === "reading") return set("Reading the files", null);
  if (progress.phase === "prepare") return set("Preparing the network", null);
  if (progress.phase === "download") {
    const { done, total } = progress;
    const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
    return set(`Loading the network: ${mb(done)}${total ? ` of ${mb(total)}` : ""} MB`, total ? done / total : null);
  }
  const { expectedSeconds } = progress;
  const left = Math.ceil(expectedSeconds - seconds);
  if (left > 0) set(`Outlining ${slices} slices: about ${left} s left`, seconds / expectedSeconds);
  else set(`Outlining ${slices} slices: ${Math.floor(seconds)} s so far, longer than expected`, null);
}

/** The numbers of an outline. */
export function showMeasures(measures: Measures, spacingMm: number[] | null, corrected: boolean): void {
  const { volumeMl, voxels, lesions, slicesWithTumour, meanProbabilityInside } = measures;
  const [value, unit] = volumeMl === null ? [voxels.toLocaleString("en"), "voxels"] : [volumeMl.toFixed(1), "ml"];
  element("volume").replaceChildren(
    withText("strong", voxels ? value : "No tumour"),
    withText("span", voxels ? unit : "outlined"),
  );
  const rows: [string, string][] = [
    ["Lesions", String(lesions)],
    ["Slices", String(slicesWithTumour)],
  ];
  if (spacingMm) {
    const size = spacingMm.map((mm) => Number(mm.toPrecision(3))).join(" x ");
    rows.push(["Voxels", `${voxels.toLocaleString("en")} of ${size} mm`]);
  }
  if (meanProbabilityInside !== null) rows.push(["Mean probability inside", meanProbabilityInside.toFixed(2)]);
  if (measures.touchesBorder) rows.push(["Reaches the border", "yes"]);
  if (corrected) rows.push(["Corrected by hand", "yes"]);
  fillTerms(element("measures"), rows);
  show(true, "result");
}

/** How far the outline can be trusted, with reasons. */
export function showDoubt(doubt: Doubt | null): void {
  show(doubt !== null, "doubt");
  if (!doubt) return;
  const look = doubt.reasons.length > 0;
  element("doubt").dataset.look = String(look);
  element("doubt-level").textContent = look ? "Worth a second look" : "Nothing remarkable";
  element("doubt-value").textContent = `doubt ${doubt.value.toFixed(2)}`;
  element("doubt-reasons").replaceChildren(...doubt.reasons.map((reason) => withText("li", reason)));
}

/** Shows a fault: one message. */
export function showError(error: unknown): void {
  element("error-text").textContent = messageOf(error);
  show(true, "error");
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Problem) return text;
  if (error instanceof DOMException && /^Not(Found|Readable)Error$/.test(error.name)) {
    return "A file cannot be read: it was moved or changed since it was dropped, or this user may not read it. Drop it again.";
  }
  if (/memory|allocation|bad_alloc|out of bounds/i.test(text)) {
    return "Not enough memory for this scan in this browser. Close other tabs, or use brainseg predict.";
  }
  return `This did not work: ${text}`;
}
