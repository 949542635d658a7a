/** One DICOM series, converted to NIfTI by dcm2niix in a worker. */

import { Dcm2niix } from "@niivue/dcm2niix";
import { MAX_VOXELS } from "./checks";
import { type Volume, readNifti } from "./nifti";
import { Problem } from "./problem";
import { type Sidecar, titleOfSeries } from "./sequences";

const UNEVEN = "whose slices are missing, there twice, damaged, tilted or unevenly spaced";
const UNEVEN_NAME = /_(Eq|Tilt)(_|\.|$)/i; // what dcm2niix adds to the name where slices are not evenly spaced
const NO_IMAGES = /exit code 2\b/; // as for reports; with other codes dcm2niix could not make a volume of the images

export interface Converted {
  volume: Volume;
  sidecar: Sidecar;
}

/** The volumes of a series; or why there are none, if it has images. */
export async function convertSeries(files: File[]): Promise<{ volumes: Converted[]; fault: string | null }> {
  const converter = new Dcm2niix();
  await converter.init();
  try {
    // Names in the converter's folder are numbers: those of the files may be equal or contain anything.
    const renamed = files.map((file, n) => new File([file], `${n}.dcm`));
    const results = await converter.input(renamed).ba("n").z("n").f("%s").run();
    if (results.some(({ name }) => UNEVEN_NAME.test(name))) return { volumes: [], fault: UNEVEN };
    return { volumes: await readResults(new Map(results.map((file) => [file.name, file]))), fault: null };
  } catch (error) {
    if (error instanceof Problem) throw error;
    return { volumes: [], fault: NO_IMAGES.test(String(error)) ? null : UNEVEN };
  } finally {
    converter.worker?.terminate();
  }
}

async function readResults(results: Map<string, File>): Promise<Converted[]> {
  const found: Converted[] = [];
  for (const [name, file] of results) {
    const json = results.get(name.replace(/\.nii$/, ".json"));
    if (!name.endsWith(".nii") || !json) continue;
    const sidecar = JSON.parse(await json.text()) as Sidecar;
    const title = titleOfSeries(name.slice(0, -4), sidecar);
    const volume = readIfUsable(title, new Uint8Array(await file.arrayBuffer()));
    if (volume) found.push({ volume, sidecar });
  }
  return found;
}

/** A volume, or null if the series is no single one, such as diffusion. */
function readIfUsable(title: string, bytes: Uint8Array): Volume | null {
  try {
    return readNifti(title, bytes, MAX_VOXELS);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
