import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` serves the page with hot reload in front of a running server.
const server = process.env["SLIPWAY_URL"] ?? "http://127.0.0.1:5000";

export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  // What most screens need is one bundle on purpose, served from the binary; `lazy` in src/app.tsx says what is not.
  build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 1000, modulePreload: { polyfill: false } },
  server: { proxy: { "/slipway": server, "/api": server, "/health": server } },
});
