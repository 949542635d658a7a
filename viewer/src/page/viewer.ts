/** The slices and the rendering: NiiVue, with the outline as its drawing. */

import { Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";
import { type Grid } from "../scan/grid";
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
const MOST_ZOOM = 10;

export class Viewer {
  /** Called with the drawn mask (slices, rows, columns) after each stroke. */
  onDrawn: (mask: Uint8Array) => void = () => undefined;
  readonly #niivue: Niivue;
  readonly #drawNow: () => unknown;
  #waiting = false;
  #grid: Grid | null = null;
  #tool: Tool = "move";

  private constructor(readonly canvas: HTMLCanvasElement) {
    this.#niivue = new Niivue({
      backColor: [0.035, 0.045, 0.055, 1],
      crosshairColor: [0.36, 0.75, 0.72, 0.75],
      crosshairWidth: 0.5,
      crosshairWidthUnit: "mm",
      crosshairGap: 8,
      fontColor: [0.62, 0.68, 0.73, 1],
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      isForceMouseClickToVoxelCenters: true,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      multiplanarPadPixels: 6,
      show3Dcrosshair: false,
      maxDrawUndoBitmaps: 2,
      smoothDrawing: 1,
      logLevel: "error",
      loadingText: "",
    });
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
    const isSame = this.#grid === grid;
    const [mask, place] = [isSame ? this.#niivue.drawBitmap : null, [...this.#niivue.scene.crosshairPos]];
    this.#removeOverlay();
    for (const old of [...this.#niivue.volumes]) this.#niivue.removeVolume(old);
    this.#niivue.addVolume(volume);
    this.#grid = grid;
    this.#niivue.createEmptyDrawing();
    this.#niivue.setDrawColormap(OUTLINE_COLOUR as unknown as string); // its type says string; an object works
    this.#niivue.drawRimOpacity = 1;
    if (mask) this.#niivue.drawBitmap?.set(mask);
    if (isSame) this.#niivue.scene.crosshairPos = place;
    else this.zoom(0);
    this.#niivue.refreshDrawing(true);
    this.setTool(this.#tool);
  }

  /** Removes everything. */
  clear(): void {
    this.#grid = null;
    this.#niivue.closeDrawing();
    this.#removeOverlay();
    for (const old of [...this.#niivue.volumes]) this.#niivue.removeVolume(old);
    this.#niivue.drawScene();
  }

  /** Shows an outline: slices, rows, columns, 1 inside. */
  showMask(mask: Uint8Array): void {
    if (!this.#grid || !this.#niivue.drawBitmap) return;
    this.#niivue.drawBitmap.set(flipped(mask, this.#grid));
    this.#niivue.refreshDrawing(true);
  }

  /** Shows probabilities over the image; null takes them away. */
  async showProbability(probability: Float32Array | null): Promise<void> {
    this.#removeOverlay();
    if (probability && this.#grid) {
      const volume = await makeVolume(probability, this.#grid, "inferno");
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

  /** Moves the cross to a voxel: slice, row, column. */
  goTo([slice, row, column]: number[]): void {
    if (!this.#grid) return;
    const [, rows, columns] = this.#grid.turnedShape;
    this.#niivue.scene.crosshairPos = this.#niivue.vox2frac([columns - 1 - column, rows - 1 - row, slice]);
    this.#niivue.drawScene();
  }

  /** Moves the cross by voxels: to the patient's right, to anterior, and up. */
  move(right: number, anterior: number, up: number): void {
    this.#niivue.moveCrosshairInVox(right, anterior, up);
  }

  /** The voxel at the cross: slice, row, column. */
  get place(): number[] {
    if (!this.#grid) return [0, 0, 0];
    const [x, y, z] = this.#niivue.frac2vox(this.#niivue.scene.crosshairPos);
    const [, rows, columns] = this.#grid.turnedShape;
    return [z, rows - 1 - y, columns - 1 - x];
  }

  /** Turns the rendering, degrees. */
  rotate(azimuth: number, elevation: number): void {
    const { renderAzimuth, renderElevation } = this.#niivue.scene;
    this.#niivue.setRenderAzimuthElevation(renderAzimuth + azimuth, renderElevation + elevation);
  }

  /** Makes slices or the rendering larger, around the cross; 0 shows them whole again. */
  zoom(factor: number): void {
    const { scene } = this.#niivue;
    const [right, anterior, up, before] = scene.pan2Dxyzmm;
    const after = Math.min(Math.max(before * factor, 1), MOST_ZOOM);
    const place = this.#niivue.frac2mm(scene.crosshairPos);
    const shift = [right, anterior, up].map((at, n) => (after === 1 ? 0 : at + (before - after) * place[n]));
    this.#niivue.setPan2Dxyzmm([...shift, after] as [number, number, number, number]);
    this.#niivue.setScale(after);
  }

  /** Moves the grey level that is shown white. */
  brighten(factor: number): void {
    const [image] = this.#niivue.volumes;
    if (!image) return;
    image.cal_max = image.cal_min! + (image.cal_max! - image.cal_min!) / factor;
    this.#niivue.updateGLVolume();
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
    if (!this.#grid) return;
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
    if (this.#grid && this.#niivue.drawBitmap) this.onDrawn(flipped(this.#niivue.drawBitmap, this.#grid));
  }
}
