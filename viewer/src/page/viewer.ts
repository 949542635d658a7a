/** The slices and the rendering: NiiVue, with the outline as its drawing. */

import { MULTIPLANAR_TYPE, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";
import { type Grid } from "../scan/grid";
import { CROSS_WIDTH, Camera } from "./camera";
import { whiteLevel } from "./greylevels";
import { flipped, makeVolume } from "./volume";

export type Layout = "planes" | "axial" | "coronal" | "sagittal" | "render";
export type Tool = "move" | "pen" | "eraser" | "fill";

const SLICE_TYPES: Record<Layout, SLICE_TYPE> = {
  planes: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  render: SLICE_TYPE.RENDER,
};
const OUTLINE_COLOUR = { R: [0, 255], G: [0, 180], B: [0, 84], A: [0, 255], I: [0, 1], labels: ["", "outline"] };

export class Viewer {
  /** Called with the drawn mask (slices, rows, columns) after each stroke. */
  onDrawn: (mask: Uint8Array) => void = () => undefined;
  readonly camera: Camera;
  readonly #niivue: Niivue;
  readonly #drawNow: () => unknown;
  #waiting = false;
  #tool: Tool = "move";

  private constructor(readonly canvas: HTMLCanvasElement) {
    this.#niivue = new Niivue({
      backColor: [0.035, 0.045, 0.055, 1],
      crosshairColor: [0.36, 0.75, 0.72, 0.75],
      crosshairWidth: CROSS_WIDTH,
      crosshairWidthUnit: "percent",
      crosshairGap: 8,
      fontColor: [0.62, 0.68, 0.73, 1],
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      isForceMouseClickToVoxelCenters: true,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID, // the other one is chosen without the place of the rendering
      multiplanarPadPixels: 6,
      show3Dcrosshair: false,
      maxDrawUndoBitmaps: 2,
      smoothDrawing: 1,
      logLevel: "error",
      loadingText: "",
    });
    this.camera = new Camera(this.#niivue);
    this.#drawNow = this.#niivue.drawScene.bind(this.#niivue);
    this.#niivue.drawScene = () => this.#drawSoon();
    this.#niivue.onDrawingChanged = (action) => {
      if (action === "draw") this.#takeDrawing();
    };
  }

  /** Attaches to a canvas. */
  static async create(canvas: HTMLCanvasElement): Promise<Viewer> {
    const viewer = new Viewer(canvas);
    await viewer.#niivue.attachToCanvas(canvas);
    return viewer;
  }

  /** Shows an image: slices, rows, columns with the pixels as they are stored. */
  async showImage(image: Float32Array, grid: Grid): Promise<void> {
    const volume = await makeVolume(image, grid, "gray");
    volume.cal_max = Math.max(volume.cal_max!, whiteLevel(image));
    const isSame = this.camera.grid === grid;
    const [mask, place] = [isSame ? this.#niivue.drawBitmap : null, [...this.#niivue.scene.crosshairPos]];
    this.#removeOverlay();
    for (const old of [...this.#niivue.volumes]) this.#niivue.removeVolume(old);
    this.#niivue.addVolume(volume);
    this.camera.grid = grid;
    this.#niivue.createEmptyDrawing();
    this.#niivue.setDrawColormap(OUTLINE_COLOUR as unknown as string); // its type says string; an object works
    this.#niivue.drawRimOpacity = 1;
    if (mask) this.#niivue.drawBitmap?.set(mask);
    if (isSame) this.#niivue.scene.crosshairPos = place;
    else this.camera.zoom(0);
    this.#niivue.refreshDrawing(true);
    this.setTool(this.#tool);
  }

  /** Removes everything. */
  clear(): void {
    this.camera.grid = null;
    this.#niivue.closeDrawing();
    this.#removeOverlay();
    for (const old of [...this.#niivue.volumes]) this.#niivue.removeVolume(old);
    this.#niivue.drawScene();
  }

  /** Shows an outline: slices, rows, columns, 1 inside. */
  showMask(mask: Uint8Array): void {
    if (!this.camera.grid || !this.#niivue.drawBitmap) return;
    this.#niivue.drawBitmap.set(flipped(mask, this.camera.grid));
    this.#niivue.refreshDrawing(true);
  }

  /** Shows probabilities over the image; null takes them away. */
  async showProbability(probability: Float32Array | null): Promise<void> {
    this.#removeOverlay();
    if (probability && this.camera.grid) {
      const volume = await makeVolume(probability, this.camera.grid, "inferno");
      [volume.cal_min, volume.cal_max, volume.opacity] = [0.02, 1, 0.6];
      this.#niivue.addVolume(volume);
    }
  }

  /** NiiVue's rendering keeps what lay over the image, unless it was made transparent first. */
  #removeOverlay(): void {
    const [, overlay] = this.#niivue.volumes;
    if (!overlay) return;
    overlay.opacity = 0;
    this.#niivue.updateGLVolume();
    this.#niivue.removeVolume(overlay);
  }

  setLayout(layout: Layout): void {
    this.#niivue.setSliceType(SLICE_TYPES[layout]);
  }

  setOpacity(opacity: number): void {
    this.#niivue.drawRimOpacity = opacity > 0 ? 1 : 0;
    this.#niivue.setDrawOpacity(opacity);
  }

  setTool(tool: Tool): void {
    this.#tool = tool;
    this.canvas.dataset.tool = tool;
    if (!this.camera.grid) return;
    this.#niivue.setDrawingEnabled(tool !== "move");
    if (tool !== "move") this.#niivue.setPenValue(tool === "eraser" ? 0 : 1, tool === "fill");
  }

  setPenSize(size: number): void {
    this.#niivue.opts.penSize = size;
  }

  /** What is seen, as PNG. */
  picture(): Promise<Blob> {
    this.#drawNow();
    return new Promise((done, fail) =>
      this.canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/png"),
    );
  }

  /** NiiVue draws after each of its many steps; once a frame is enough. */
  #drawSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#drawNow();
    });
  }

  #takeDrawing(): void {
    if (this.camera.grid && this.#niivue.drawBitmap) this.onDrawn(flipped(this.#niivue.drawBitmap, this.camera.grid));
  }
}
