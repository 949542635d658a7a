// Verdicts: kept in the browser under the digest of the page's cases, exported as CSV and JSON.
// makeVerdicts(run, base, rows, onChange) starts with the verdicts of the rows, which came from the file whose digest
// is base. Those that were given in this browser and never exported are put on top.

const WORDS = { accept: "accepted", reject: "rejected", unsure: "unsure" };

function makeVerdicts(run, base, rows, onChange) {
  const place = `brainseg verdicts ${run}`;
  const given = new Map(rows.map((row) => [row.case, { verdict: row.verdict[0], note: row.verdict[1] }]));
  let waiting = new Set(), kept = true, restored = 0;

  function load() {
    const stored = JSON.parse(localStorage.getItem(place) ?? "null");
    if (!stored) return;
    const current = stored.base === base; // the same page: exported ones are still valid
    for (const [name, one] of Object.entries(stored.cases))
      if (given.has(name) && (current || stored.waiting.includes(name))) {
        given.set(name, one);
        restored++;
      }
    waiting = new Set(stored.waiting.filter((name) => given.has(name)));
  }

  function save() {
    try {
      localStorage.setItem(place, JSON.stringify({ base, waiting: [...waiting], cases: Object.fromEntries(given) }));
    } catch {
      kept = false; // no room, or a browser that keeps nothing
    }
    onChange();
  }

  try {
    load();
  } catch {
    kept = false;
  }
  addEventListener("storage", (event) => {
    if (event.key !== place) return; // the same page in another tab has saved: what is saved here next includes it
    load();
    onChange();
  });

  function set(name, change) {
    given.set(name, { ...given.get(name), ...change });
    waiting.add(name);
    save();
  }

  // The text of an export: all cases with a verdict or a note, in the order of the page.
  function text(form) {
    const all = rows.map((row) => ({ case: row.case, ...given.get(row.case) }));
    const filled = all.filter((one) => one.verdict || one.note);
    if (form === "json") return JSON.stringify({ run, verdicts: filled }, null, 1) + "\n";
    const quote = (value) => `"${value.replaceAll('"', '""')}"`;
    const lines = filled.map((one) => [run, one.case, one.verdict, one.note].map(quote).join(","));
    return ["run,case,verdict,note", ...lines, ""].join("\n");
  }

  function download(form) {
    const type = form === "json" ? "application/json" : "text/csv";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text(form)], { type }));
    link.download = `verdicts-${run.slice(0, 8)}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    waiting.clear();
    save();
  }

  addEventListener("beforeunload", (event) => {
    if (waiting.size) event.preventDefault();
  });
  return { get: (name) => given.get(name), set, download, state: () => ({ waiting: waiting.size, kept, restored }) };
}
