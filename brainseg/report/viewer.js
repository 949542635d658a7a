"use strict";
// The slice viewer. makeViewer(root) returns show(slices, title), which shows a patient, and the functions of its keys.
// `slices` is what encode_slices in slices.py makes: grey levels are one WebP for each sequence, masks and probability
// one PNG whose pixels are numbers; each has all slices side by side.

const TRUE = 128, PREDICTED = 64; // bits of a pixel of the labels; the four bits below are the probability, 0 to 15
const HEAT = [[59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]]; // low to high: magma
const WHEEL_PAUSE = 400; // ms after the page was scrolled in which the wheel goes on scrolling the page

// A new element with text, which is never read as markup.
function make(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

async function decode(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

function makeViewer(root) {
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  const layer = (name) => root.querySelector(`[data-layer=${name}]`);
  const canvas = root.querySelector("canvas"), pen = canvas.getContext("2d");
  const small = document.createElement("canvas"), smallPen = small.getContext("2d", { willReadFrequently: true });
  let patient = null, pictures = [], labels = null, position = 0, sequence = 0, calls = 0;

  // Show a patient, at the slice with most tumour.
  async function show(slices, title) {
    const call = ++calls;
    root.dataset.ready = "";
    const addresses = [...slices.sequences.map((one) => one.picture), slices.labels];
    const decoded = await Promise.all(addresses.map(decode));
    if (call !== calls) return; // another patient was chosen meanwhile
    patient = slices;
    labels = decoded.pop();
    pictures = decoded;
    sequence = Math.min(sequence, pictures.length - 1);
    [small.width, small.height] = patient.size;
    part("slice").max = patient.slices.length - 1;
    const areas = patient.slices.map((one) => (one.true ?? 0) + (one.predicted ?? 0));
    position = areas.indexOf(Math.max(...areas, 1));
    if (position < 0) position = patient.slices.length >> 1;
    canvas.setAttribute("aria-label", `Slices of ${title}`);
    for (const name of ["true", "predicted", "probability"]) layer(name).disabled = !patient.has[name];
    part("right").hidden = part("left").hidden = !patient.sides;
    listSequences();
    drawProfile();
    draw();
    root.dataset.ready = "yes";
  }

  function listSequences() {
    const [legend] = part("sequences").children;
    const choices = patient.sequences.map((one, number) => {
      const label = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "sequence", value: number, checked: number === sequence });
      input.addEventListener("change", () => choose(number));
      label.append(input, one.name);
      return label;
    });
    part("sequences").replaceChildren(legend, ...choices);
  }

  function choose(number) {
    if (!pictures[number]) return;
    sequence = number;
    part("sequences").querySelectorAll("input")[number].checked = true;
    draw();
  }

  // Tumour in each slice, above the slider: reference upwards, prediction downwards.
  function drawProfile() {
    const most = Math.max(1, ...patient.slices.flatMap((one) => [one.true ?? 0, one.predicted ?? 0]));
    const bars = patient.slices.flatMap((one, number) =>
      ["true", "predicted"].map((name) => {
        const bar = Object.assign(document.createElement("i"), { className: name });
        bar.style.left = `${(100 * (number + 0.5)) / patient.slices.length}%`;
        bar.style.height = `${(50 * (one[name] ?? 0)) / most}%`;
        return bar;
      }),
    );
    part("profile").replaceChildren(...bars);
  }

  function move(step) {
    if (!patient) return false;
    const next = Math.min(Math.max(position + step, 0), patient.slices.length - 1), moved = next !== position;
    position = next;
    if (moved) draw();
    return moved;
  }

  function toggle(...names) {
    const boxes = names.map(layer).filter((box) => !box.disabled), on = boxes.some((box) => box.checked);
    boxes.forEach((box) => (box.checked = !on));
    draw();
  }

  function draw() {
    if (!patient) return;
    const [width, height] = patient.size, one = patient.slices[position];
    const left = (position % patient.columns) * width, top = Math.floor(position / patient.columns) * height;
    const scale = (root.querySelector(".screen").clientWidth * devicePixelRatio) / width;
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    pen.drawImage(pictures[sequence], left, top, width, height, 0, 0, canvas.width, canvas.height);
    smallPen.drawImage(labels, left, top, width, height, 0, 0, width, height);
    const values = smallPen.getImageData(0, 0, width, height).data.filter((_, number) => number % 4 === 0);
    pen.globalAlpha = part("opacity").value / 100;
    if (layer("probability").checked) drawHeat(values, width, height);
    const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`);
    if (layer("true").checked) drawOutline(values, width, height, TRUE, colour("true"));
    if (layer("predicted").checked) drawOutline(values, width, height, PREDICTED, colour("predicted"));
    pen.globalAlpha = 1;
    part("slice").value = position;
    part("slice").setAttribute("aria-valuetext", `slice ${one.number}`);
    part("position").value = `${position + 1} of ${patient.slices.length}`;
    part("corner").textContent = `${patient.sequences[sequence].name}, slice ${one.number}`;
    listNumbers(one);
    Object.assign(root.dataset, { slice: position, sequence });
  }

  function drawHeat(values, width, height) {
    const heat = smallPen.createImageData(width, height);
    values.forEach((value, number) => {
      const level = (value >> 2) & 15, [red, green, blue] = HEAT[Math.round((level / 15) * (HEAT.length - 1))];
      heat.data.set([red, green, blue, level ? 90 + 10 * level : 0], 4 * number);
    });
    smallPen.putImageData(heat, 0, 0);
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  }

  // The edges between pixels inside and outside a mask, as one path: sharp at any size.
  function drawOutline(values, width, height, bit, colour) {
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && (values[y * width + x] & bit) !== 0;
    const sx = canvas.width / width, sy = canvas.height / height;
    const edge = (x1, y1, x2, y2) => { pen.moveTo(x1 * sx, y1 * sy); pen.lineTo(x2 * sx, y2 * sy); };
    pen.beginPath();
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (!inside(x, y)) continue;
        if (!inside(x - 1, y)) edge(x, y, x, y + 1);
        if (!inside(x + 1, y)) edge(x + 1, y, x + 1, y + 1);
        if (!inside(x, y - 1)) edge(x, y, x + 1, y);
        if (!inside(x, y + 1)) edge(x, y + 1, x + 1, y + 1);
      }
    Object.assign(pen, { strokeStyle: colour, lineWidth: 2 * devicePixelRatio, lineCap: "round" });
    pen.stroke();
  }

  // A number that no slice of this patient has is left out; a dash is one that this slice does not have.
  function listNumbers(one) {
    const { true: reference, predicted, probability } = patient.has;
    const rows = [
      ["Dice of this slice", reference && predicted, one.dice?.toFixed(3)],
      ["reference, pixels", reference, one.true?.toLocaleString("en")],
      ["prediction, pixels", predicted, one.predicted?.toLocaleString("en")],
      ["largest probability", probability, one.probability?.toFixed(2)],
    ];
    const known = rows.filter(([, possible]) => possible);
    const shown = known.flatMap(([name, , text]) => [make("dt", name), make("dd", text ?? "–")]);
    part("numbers").replaceChildren(...shown);
  }

  let scrolled = -Infinity, turned = 0;
  addEventListener("scroll", () => (scrolled = performance.now()), { passive: true });
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey || performance.now() - scrolled < WHEEL_PAUSE) return; // zooming, or scrolling past the viewer
    turned += event.deltaMode === 0 ? event.deltaY : 40 * event.deltaY;
    const steps = Math.trunc(turned / 40); // a touchpad sends many small turns, a wheel one of about 100
    turned -= 40 * steps;
    if (steps === 0 || move(Math.sign(steps))) event.preventDefault(); // at the last slice the page scrolls on
    if (steps !== 0) turned = 0;
  }, { passive: false });
  part("slice").addEventListener("input", (event) => move(Number(event.target.value) - position));
  part("opacity").addEventListener("input", draw);
  part("layers").addEventListener("change", draw);
  new ResizeObserver(draw).observe(root.querySelector(".screen"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  const keys = {
    ArrowUp: () => move(1), ArrowDown: () => move(-1), 1: () => choose(0), 2: () => choose(1), 3: () => choose(2),
    o: () => toggle("true", "predicted"), p: () => toggle("probability"),
  };
  return { show, keys };
}

// Call the function of a key if the focus is within an element, and not in a field that uses the key itself.
function onKeys(keys, within) {
  within.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select, summary, [role=region]");
    const own = field && (event.key.startsWith("Arrow") || ["text", "textarea", "select-one"].includes(field.type));
    if (own || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}
