import { defineConfig } from "vite";
// One page, hashed assets, nothing inline: the server sends a strict Content-Security-Policy.
export default defineConfig({ build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } } });
