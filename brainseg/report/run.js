// The report of a run: patients are chosen in the list, by a link to #patient-3, and by the keys left and right. For
// patients that the viewer does not have, the link leads to their row in the table.
function startRun() {
  const list = document.getElementById("patient");
  if (!list) return; // no test patient
  const root = document.getElementById("viewer"), viewer = makeViewer(root);
  const read = (place) => document.getElementById(`slices-${place}`);

  async function show(place) {
    list.value = place;
    root.dataset.patient = place;
    await viewer.show(JSON.parse(read(place).textContent), list.selectedOptions[0].text);
  }
  function step(by) {
    const next = list.options[list.selectedIndex + by];
    if (next) show(next.value);
  }
  function follow() {
    const place = location.hash.replace(/^#patient-/, "");
    if (place === location.hash) return;
    if (read(place)) {
      show(place);
      document.getElementById("slices").scrollIntoView();
      root.querySelector("canvas").focus({ preventScroll: true });
    } else {
      const row = document.getElementById(`patient-${place}`);
      row?.closest("details").setAttribute("open", "");
      row?.scrollIntoView();
    }
  }
  list.addEventListener("change", () => show(list.value));
  addEventListener("hashchange", follow);
  onKeys({ ...viewer.keys, ArrowLeft: () => step(-1), ArrowRight: () => step(1) }, root);
  show(list.value);
  follow();
}
