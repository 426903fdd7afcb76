import type { KnipConfig } from 'knip'

/* npm run lint: no export that nobody imports, no file nobody needs, no dependency nobody uses. */
const config: KnipConfig = {
  entry: [
    'src/**/{main,*-main,docker-proxy,host}.ts!',
    'src/cli/{ksi,with-node}.js!',
    // What is started or found by its path.
    'src/daemon/modules/*.ts!',
    'src/{bench/*,*/testing/fake-*,testing/*/*-shim}.{ts,js}',
    'src/sidecar/page/app.js!',
    '**/*.test.ts',
    '.ci/*.ts',
  ],
  project: ['src/**/*.{ts,js}!', '.ci/*.ts', '*.config.ts'],
  // tsx is a peer of the benches, started by its path; axe-core is read as a file; nodemon is loaded by require, its
  // types are asked for by name.
  ignoreDependencies: ['tsx', 'axe-core', '@types/nodemon'],
  // What the page loads is served under this address, from its package.
  ignoreUnresolved: ['./idiomorph.js'],
  ignoreBinaries: ['cc', 'mount', 'umount', 'prlimit'],
  ignoreExportsUsedInFile: { interface: true, type: true },
}

export default config
