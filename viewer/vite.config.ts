import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { type Plugin, defineConfig } from "vite";

export default defineConfig({
  base: "./", // the page works below any address
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: false, chunkSizeWarningLimit: 4000 },
  worker: { format: "es" },
  resolve: {
    conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "production"],
    alias: [{ find: /^numcodecs\/.*/, replacement: "/src/page/no-codec.ts" }],
  },
  optimizeDeps: { exclude: ["@niivue/dcm2niix", "onnxruntime-web"] },
  server: { headers: isolation() },
  plugins: [serviceWorker()],
});

/** With these headers a page may use several threads. */
function isolation(): Record<string, string> {
  return { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
}

/** Writes sw.js with the list of all files of the page and a digest of them. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    generateBundle(_, bundle) {
      const digest = createHash("sha256");
      const contents = new Map(
        Object.entries(bundle).map(([name, file]) => [name, file.type === "chunk" ? file.code : file.source]),
      );
      const copied = filesBelow("public").map((path) => relative("public", path));
      for (const name of copied) contents.set(name, readFileSync(join("public", name)));
      const names = [...contents.keys()].filter((name) => !name.endsWith(".map")).sort();
      for (const name of names) digest.update(name).update(contents.get(name)!);
      const files = JSON.stringify(["./", ...names.filter((name) => name !== "index.html")]);
      const source = readFileSync("src/page/sw.js", "utf8")
        .replace('["./"]', files)
        .replace("VERSION_OF_BUILD", digest.digest("hex").slice(0, 16));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
