import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Relative addresses, so that the page works behind any prefix; nothing inline, for the page's content security policy.
export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/stream': { target: 'ws://127.0.0.1:8080', ws: true },
      '/api': 'http://127.0.0.1:8080',
    },
  },
});
