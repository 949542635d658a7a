/** Where one looks: the cross, the zoom, the turn of the rendering, and the grey level that is shown white. */

import { type Niivue } from "@niivue/niivue";
import { type Grid } from "../scan/grid";

const MOST_ZOOM = 10;
export const CROSS_WIDTH = 0.3; // percent of the width of the scan; thinner lines would vanish between pixels

export class Camera {
  /** Of the image that is shown; null if there is none. */
  grid: Grid | null = null;

  constructor(readonly niivue: Niivue) {}

  /** Moves the cross to a voxel: slice, row, column. */
  goTo([slice, row, column]: number[]): void {
    if (!this.grid) return;
    const [, rows, columns] = this.grid.turnedShape;
    this.niivue.scene.crosshairPos = this.niivue.vox2frac([columns - 1 - column, rows - 1 - row, slice]);
    this.niivue.drawScene();
  }

  /** Moves the cross by voxels: to the patient's right, to anterior, and up. */
  move(right: number, anterior: number, up: number): void {
    this.niivue.moveCrosshairInVox(right, anterior, up);
  }

  /** The voxel at the cross: slice, row, column. */
  get place(): number[] {
    if (!this.grid) return [0, 0, 0];
    const [x, y, z] = this.niivue.frac2vox(this.niivue.scene.crosshairPos);
    const [, rows, columns] = this.grid.turnedShape;
    return [z, rows - 1 - y, columns - 1 - x];
  }

  /** Turns the rendering, degrees. */
  rotate(azimuth: number, elevation: number): void {
    const { renderAzimuth, renderElevation } = this.niivue.scene;
    this.niivue.setRenderAzimuthElevation(renderAzimuth + azimuth, renderElevation + elevation);
  }

  /** Makes slices or the rendering larger, around the cross; 0 shows them whole again. */
  zoom(factor: number): void {
    const { scene } = this.niivue;
    const [right, anterior, up, before] = scene.pan2Dxyzmm;
    const after = Math.min(Math.max(before * factor, 1), MOST_ZOOM);
    const place = this.niivue.frac2mm(scene.crosshairPos);
    const shift = [right, anterior, up].map((at, n) => (after === 1 ? 0 : at + (before - after) * place[n]));
    this.niivue.setPan2Dxyzmm([...shift, after] as [number, number, number, number]);
    this.niivue.setScale(after);
    this.niivue.setCrosshairWidth(CROSS_WIDTH / after);
  }

  /** Moves the grey level that is shown white. */
  brighten(factor: number): void {
    const [image] = this.niivue.volumes;
    if (!image) return;
    image.cal_max = image.cal_min! + (image.cal_max! - image.cal_min!) / factor;
    this.niivue.updateGLVolume();
  }
}
