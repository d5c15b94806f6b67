import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server answers under /ui/; `npm run dev` passes everything else on to a running one.
export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  build: { chunkSizeWarningLimit: 800 },
  server: { proxy: { "/slipway": "http://127.0.0.1:5000", "/api": "http://127.0.0.1:5000" } },
});
