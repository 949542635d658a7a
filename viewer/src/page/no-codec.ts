/** In place of the decoders of Zarr, which NiiVue brings along and the page does not use: 1.4 MB less. */
export default undefined;
