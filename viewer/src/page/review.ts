/** What `brainseg view` hands over: files to open, or patients to review one after the other, with verdicts. */

import { type Dropped } from "../scan/files";
import { type App, showError } from "./app";
import { element, fillOptions, radioGroup, show } from "./dom";

type Verdict = "accept" | "unsure" | "reject";

interface Patient {
  case: string;
  /** Addresses of the scan and of the mask that was written for it. */
  files: string[];
  mask: string[];
  verdict: Verdict | "";
  note: string;
}

interface Session {
  files: string[];
  patients: Patient[];
}

/** Opens what the local server names; does nothing on another server. */
export async function startReview(app: App): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  const headers = { "X-Token": token };
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(new URL(`local/${path}`, document.baseURI), { ...init, headers });
    if (!response.ok) throw new Error(`brainseg view: ${(await response.text()) || response.statusText}`);
    return response;
  };
  const read = (paths: string[]) =>
    Promise.all(
      paths.map(async (path): Promise<Dropped> => {
        const name = decodeURIComponent(path.split("/").slice(2).join("/"));
        return { path: name, file: new File([await (await ask(path)).blob()], name.split("/").at(-1)!) };
      }),
    );
  try {
    const session = (await (await ask("session.json")).json()) as Session;
    if (session.patients.length > 0) await review(app, session.patients, read, ask);
    else if (session.files.length > 0) await app.open(await read(session.files));
  } catch (error) {
    showError(error);
  }
}

async function review(
  app: App,
  patients: Patient[],
  read: (paths: string[]) => Promise<Dropped[]>,
  ask: (path: string, init?: RequestInit) => Promise<Response>,
): Promise<void> {
  show(true, "review");
  const select = element<HTMLSelectElement>("review-case");
  const note = element<HTMLTextAreaElement>("verdict-note");
  let current = -1;
  const status = (text: string) => (element("review-status").textContent = text);
  const open = async (index: number) => {
    if (index < 0 || index >= patients.length || index === current) return;
    if (app.hasUnsaved && !confirm("The corrections are not saved. Discard them?")) return;
    current = index;
    if (app.editor.outline) app.editor.outline.unsaved = false;
    const patient = patients[index];
    select.value = String(index);
    [verdict.value, note.value] = [patient.verdict as Verdict, patient.note];
    const done = patients.filter((each) => each.verdict).length;
    status(`${index + 1} of ${patients.length}, ${done} with a verdict`);
    await app.open(await read(patient.files), await read(patient.mask));
  };
  const keep = async () => {
    const patient = patients[current];
    [patient.verdict, patient.note] = [verdict.value ?? "", note.value];
    status("Saving");
    try {
      const { case: name, verdict: given, note: text } = patient;
      await ask("verdict", { method: "POST", body: JSON.stringify({ case: name, verdict: given, note: text }) });
      status("Kept in verdicts.csv");
      label();
    } catch (error) {
      status("Not kept");
      showError(error);
    }
  };
  const label = () => {
    const marks = { accept: "✓", unsure: "?", reject: "✗", "": "·" };
    fillOptions(
      select,
      patients.map((each, n) => [String(n), `${marks[each.verdict]} ${each.case}`]),
      String(current),
    );
  };
  const verdict = radioGroup<Verdict>("verdict", () => void keep());
  note.onchange = () => void keep();
  select.onchange = () => void open(Number(select.value)).catch(showError);
  element("review-next").onclick = () => void open(current + 1).catch(showError);
  element("review-previous").onclick = () => void open(current - 1).catch(showError);
  label();
  await open(
    Math.max(
      0,
      patients.findIndex((each) => !each.verdict),
    ),
  );
}
