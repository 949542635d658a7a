// The quality-control page: one case per screen, verdicts by keys.
function startChecking() {
  const page = JSON.parse(document.getElementById("page").textContent), rows = page.rows;
  const check = document.getElementById("check");
  if (!check) return; // no case
  const part = (name, root = document) => root.querySelector(`[data-part=${name}]`);
  const root = document.getElementById("viewer"), viewer = makeViewer(root);
  const verdicts = makeVerdicts(page.run, page.base, rows, update);
  let current = 0;

  async function show(number) {
    current = Math.min(Math.max(number, 0), rows.length - 1);
    const row = rows[current], picture = JSON.parse(document.getElementById(`picture-${current}`).textContent);
    part("name").textContent = row.case;
    part("place").textContent = `case ${current + 1} of ${rows.length}`;
    part("doubt").textContent = row.doubt === "–" ? "" : [`Doubt ${row.doubt}`, row.reasons].filter(Boolean).join(": ");
    part("note", check).value = verdicts.get(row.case).note;
    part("facts").replaceChildren(...row.facts.flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
    part("notes").replaceChildren(...row.notes.map((note) => make("li", note)));
    root.hidden = !picture?.slices;
    part("overlay").hidden = !picture?.overlay;
    part("without").hidden = Boolean(picture);
    update();
    history.replaceState(null, "", `#case-${current + 1}`);
    check.dataset.case = current;
    if (picture?.slices) await viewer.show(picture, row.case);
    const image = part("overlay").querySelector("img");
    if (picture?.overlay) Object.assign(image, { src: picture.overlay, alt: `Slices of ${row.case}` });
  }

  function judge(verdict) {
    const name = rows[current].case;
    verdicts.set(name, { verdict: verdicts.get(name).verdict === verdict ? "" : verdict });
  }

  // Show all verdicts where they are seen, and whether they are exported.
  function update() {
    const counts = { accept: 0, reject: 0, unsure: 0 };
    rows.forEach((row, number) => {
      const { verdict, note } = verdicts.get(row.case), line = document.querySelector(`tr[data-case="${number}"]`);
      if (verdict) counts[verdict]++;
      part("verdict", line).textContent = WORDS[verdict] ?? "–";
      part("verdict", line).className = verdict;
      part("note", line).textContent = note;
      line.classList.toggle("current", number === current);
    });
    for (const button of check.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", button.dataset.verdict === verdicts.get(rows[current].case).verdict);
    const { accept, reject, unsure } = counts, { waiting, kept, restored } = verdicts.state();
    const open = rows.length - accept - reject - unsure;
    part("counts").textContent = `${accept} accepted, ${reject} rejected, ${unsure} unsure, ${open} to do.`;
    const lost = kept ? "" : " This browser keeps nothing: export before you close the page.";
    const back = waiting && restored ? " Verdicts that were given earlier in this browser are included." : "";
    part("unsaved").textContent = waiting ? `${waiting} not exported.${lost}${back}` : lost;
  }

  function onClick(selector, act) {
    const buttons = document.querySelectorAll(selector);
    buttons.forEach((button) => button.addEventListener("click", () => act(button.dataset)));
  }
  onClick("[data-step]", ({ step }) => show(current + Number(step)));
  onClick("button[data-verdict]", ({ verdict }) => judge(verdict));
  onClick("[data-export]", (button) => verdicts.download(button.export));
  const note = part("note", check);
  note.addEventListener("input", () => verdicts.set(rows[current].case, { note: note.value }));
  note.addEventListener("keydown", (event) => event.key === "Escape" && note.blur());
  const follow = () => {
    const number = Number(location.hash.replace("#case-", ""));
    show(number >= 1 ? number - 1 : current);
    if (number >= 1) scrollTo(0, 0);
  };
  addEventListener("hashchange", follow);
  onKeys({
    ...viewer.keys, ArrowLeft: () => show(current - 1), ArrowRight: () => show(current + 1),
    a: () => judge("accept"), r: () => judge("reject"), u: () => judge("unsure"), n: () => note.focus(),
  }, document);
  follow();
}
