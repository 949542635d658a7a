import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist", "public"] },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true } } },
  {
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      eqeqeq: "error",
      "no-var": "error",
    },
  },
  {
    files: ["src/page/sw.js"], // runs in a service worker
    languageOptions: {
      globals: Object.fromEntries(
        ["self", "caches", "fetch", "URL", "Headers", "Request", "Response"].map((name) => [name, "readonly"]),
      ),
    },
  },
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
