import { defineConfig } from "vitest/config";
// One page, hashed assets, nothing inline: the server sends a strict Content-Security-Policy.
export default defineConfig({
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  test: { environment: "jsdom", setupFiles: ["test/setup.ts"], restoreMocks: true, unstubGlobals: true },
});
