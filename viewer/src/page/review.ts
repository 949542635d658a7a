/** What `brainseg view` hands over: files to open, or patients to review one after the other, with verdicts. */

import { type Dropped } from "../scan/files";
import { findPatients } from "../scan/recognise";
import { type App } from "./app";
import { element, radioGroup, show } from "./dom";
import { showError } from "./panel";

type Verdict = "accept" | "unsure" | "reject";

const VERDICTS = { accept: "Accept", unsure: "Unsure", reject: "Reject" };
const MARKS = { accept: "✓", unsure: "?", reject: "✗", "": "·" };

interface Reviewed {
  case: string;
  /** Addresses of the scan and of the mask that was written for it. */
  files: string[];
  mask: string[];
  verdict: Verdict | "";
  note: string;
}

interface Session {
  files: string[];
  patients: Reviewed[];
}

/** Opens what the local server names, if there is one; says whether there are patients to review. */
export async function startReview(app: App): Promise<boolean> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
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
    return session.patients.length > 0;
  } catch (error) {
    showError(error);
    return false;
  }
}

async function review(
  app: App,
  patients: Reviewed[],
  read: (paths: string[]) => Promise<Dropped[]>,
  ask: (path: string, init?: RequestInit) => Promise<Response>,
): Promise<void> {
  const note = element<HTMLTextAreaElement>("verdict-note");
  let current: Reviewed;
  const status = (text: string) => (element("review-status").textContent = text);
  const open = async (index: number) => {
    const opened = (current = patients[index]);
    [verdict.value, note.value] = [current.verdict as Verdict, current.note];
    status(`${patients.filter((each) => each.verdict).length} of ${patients.length} with a verdict`);
    try {
      const [patient] = await findPatients(await read(opened.files));
      const mask = await read(opened.mask);
      if (current === opened) await app.openPatient({ ...patient, name: opened.case }, mask);
    } catch (error) {
      showError(error);
    }
  };
  const keep = async () => {
    if (element("review").hidden) return; // another scan was dropped
    const patient = current;
    [patient.verdict, patient.note] = [verdict.value ?? "", note.value];
    status("Saving");
    try {
      const { case: name, verdict: given, note: text } = patient;
      await ask("verdict", { method: "POST", body: JSON.stringify({ case: name, verdict: given, note: text }) });
      status("Kept in verdicts.csv");
      app.patients.draw();
    } catch (error) {
      status("Not kept");
      showError(error);
    }
  };
  const verdict = radioGroup<Verdict>("verdict", VERDICTS, () => void keep());
  note.onchange = () => void keep();
  const first = Math.max(
    0,
    patients.findIndex((each) => !each.verdict),
  );
  show(true, "review");
  const names = patients.map((patient) => patient.case);
  app.patients.show(names, first, open, (index) => MARKS[patients[index].verdict]);
  await open(first);
}
