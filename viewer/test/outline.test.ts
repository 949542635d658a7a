import { expect, test } from "vitest";
import { fillHole, paint } from "../src/outline/brush";
import { componentSizes, measure } from "../src/outline/measures";
import { KeptOutlines } from "../src/outline/kept";
import { Outline } from "../src/outline/outline";
import { whiteLevel } from "../src/page/greylevels";
import { Grid } from "../src/scan/grid";
import { type Triple } from "../src/scan/matrix";

const SHAPE: Triple<number> = [2, 4, 5]; // slices, rows, columns
const GRID = new Grid([5, 4, 2], null);
const draw = (...voxels: number[]) => Uint8Array.from({ length: 40 }, (_, n) => (voxels.includes(n) ? 1 : 0));

/** Probabilities 0, 0.025, 0.05, ... */
function newOutline(threshold = 0.9): Outline {
  return new Outline(
    GRID,
    Float32Array.from({ length: 40 }, (_, n) => n / 40),
    { threshold, smallest_lesion: 0 },
  );
}

test("corrections are undone and redone one by one", () => {
  const outline = newOutline();
  const automatic = outline.mask;
  expect([...automatic]).toEqual([...draw(36, 37, 38, 39)]);
  expect(outline.draw(draw(0, 36, 37, 38, 39))).toBe(1);
  expect(outline.draw(draw(0, 36))).toBe(3);
  outline.undo();
  expect([...outline.mask]).toEqual([...draw(0, 36, 37, 38, 39)]);
  outline.undo();
  expect([...outline.mask]).toEqual([...automatic]);
  expect([outline.canUndo, outline.canRedo, outline.corrected]).toEqual([false, true, false]);
  outline.redo();
  outline.redo();
  expect([...outline.mask]).toEqual([...draw(0, 36)]);
  expect(outline.canRedo).toBe(false);
});

test("a new stroke forgets what was undone", () => {
  const outline = newOutline();
  outline.draw(draw(0));
  outline.undo();
  outline.draw(draw(1));
  expect(outline.canRedo).toBe(false);
  expect([...outline.mask]).toEqual([...draw(1)]);
});

test("corrections stay when the threshold changes", () => {
  const outline = newOutline();
  outline.draw(draw(0, 37, 38, 39)); // adds 0, removes 36
  outline.setThreshold(0.8);
  expect([...outline.mask]).toEqual([...draw(0, 32, 33, 34, 35, 37, 38, 39)]);
  outline.discard();
  expect([...outline.mask]).toEqual([...draw(32, 33, 34, 35, 36, 37, 38, 39)]);
  outline.undo();
  expect(outline.corrected).toBe(true);
});

test("a stroke that changes nothing is no step", () => {
  const outline = newOutline();
  expect(outline.draw(outline.mask.slice())).toBe(0);
  expect([outline.canUndo, outline.unsaved]).toEqual([false, false]);
});

test("the threshold itself is tumour, as in Python with float32", () => {
  const outline = new Outline(GRID, new Float32Array(40).fill(0.7), { threshold: 0.7, smallest_lesion: 0 });
  expect(outline.mask.every((value) => value === 1)).toBe(true);
});

test("components touch at corners, across slices and at the edges only within the scan", () => {
  expect(componentSizes(draw(0, 6, 32), SHAPE)).toEqual([3]); // (0,0,0), (0,1,1), (1,2,2)
  expect(componentSizes(draw(4, 5), SHAPE)).toEqual([1, 1]); // the end of a row and the start of the next
});

test("as many lesions as a threshold can leave are measured", () => {
  const [slices, side] = [1, 1024];
  const mask = Uint8Array.from({ length: side * side }, (_, n) =>
    Number(n % 2 === 0 && Math.floor(n / side) % 2 === 0),
  );
  const { lesions, largestLesionVoxels } = measure(mask, null, new Grid([side, side, slices], null));
  expect([lesions, largestLesionVoxels]).toEqual([(side * side) / 4, 1]);
});

test("a tumour of 3 % of the voxels is not shown white all over, nor the scan dark for a hot voxel", () => {
  const image = Float32Array.from({ length: 100_000 }, (_, n) =>
    n % 100 < 3 ? 110 + (Math.floor(n / 100) % 41) : n % 100,
  );
  image[50] = 9000;
  expect(whiteLevel(image)).toBeGreaterThan(140);
  expect(whiteLevel(image)).toBeLessThan(160);
});

test("the pen paints a disc in one slice, cut at the border", () => {
  const empty = new Uint8Array(40);
  expect([...paint(empty, SHAPE, [1, 1, 1], 1, 1)]).toEqual([...draw(26)]);
  expect([...paint(empty, SHAPE, [1, 0, 0], 3, 1)]).toEqual([...draw(20, 21, 25)]);
  expect([...paint(draw(26), SHAPE, [1, 1, 1], 3, 0)]).toEqual([...empty]);
});

test("a hole is filled only where it is enclosed", () => {
  const ring = draw(1, 5, 7, 11); // around (0, 1, 1)
  expect([...fillHole(ring, SHAPE, [0, 1, 1])]).toEqual([...draw(1, 5, 6, 7, 11)]);
  expect(fillHole(ring, SHAPE, [0, 3, 4])).toBe(ring);
});

test("corrections are unsaved where something would be lost", () => {
  const outline = newOutline();
  const states = [outline.unsaved];
  const then = (change: () => void) => {
    change();
    states.push(outline.unsaved);
  };
  then(() => outline.draw(draw(0, 36)));
  then(() => outline.undo());
  then(() => outline.redo());
  then(() => outline.markSaved(outline.step));
  then(() => outline.undo()); // no corrections, but the file has some
  then(() => outline.redo());
  then(() => outline.undo());
  then(() => outline.draw(draw(1, 36))); // what was saved is gone, and as many steps were made
  expect(states).toEqual([false, true, false, true, false, true, false, true, true]);
  const other = newOutline();
  other.draw(draw(0));
  other.discard();
  expect(other.unsaved).toBe(false);
});

test("a stroke while the file is made is not saved", () => {
  const outline = newOutline();
  outline.draw(draw(0));
  const { step } = outline;
  outline.draw(draw(1));
  outline.markSaved(step);
  expect(outline.unsaved).toBe(true);
});

test("outlines are kept within a limit, and corrections that are not saved whatever it is", () => {
  const kept = new KeptOutlines(160); // of four
  const keep = (patient: string, change: "none" | "saved" | "unsaved" = "none") => {
    const outline = newOutline();
    if (change !== "none") outline.draw(draw(0));
    if (change === "saved") outline.markSaved(outline.step);
    kept.keep(patient, { choice: { flair: 0 }, outline });
  };
  const names = () => ["a", "b", "c", "d", "e", "f", "g"].filter((name) => kept.get(name));
  keep("a", "unsaved");
  keep("b", "saved");
  keep("c");
  keep("d");
  expect(names()).toEqual(["a", "b", "c", "d"]);
  kept.keep("c", kept.get("c")!); // looked at again
  keep("e");
  expect(names()).toEqual(["a", "b", "c", "e"]);
  keep("f", "unsaved");
  keep("g", "unsaved");
  expect(names()).toEqual(["a", "b", "f", "g"]);
  keep("e", "unsaved");
  expect(names()).toEqual(["a", "e", "f", "g"]);
  keep("d");
  expect(names()).toEqual(["a", "d", "e", "f", "g"]);
  expect(kept.unsaved).toEqual(["a", "f", "g", "e"]);
  kept.forget("a");
  expect(names()).toEqual(["d", "e", "f", "g"]);
  kept.forget();
  expect(names()).toEqual([]);
});
