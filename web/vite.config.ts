/**
 * The page as static files. The hub serves them under a policy that allows nothing inline, so nothing is
 * inlined. `vite web` serves it for development and asks the hub on its usual port.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: '../build/web',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: false,
    // The same names in every build: browsers ask whether a file has changed, and a hub that runs while the
    // page is built again goes on serving it.
    rolldownOptions: { output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]' } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7400' } },
});
