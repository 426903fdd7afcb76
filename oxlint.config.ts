import { defineConfig } from 'oxlint'

/**
 * Who may import whom: a place in src, the folders it may import besides its own, and the packages that nobody else
 * may. A later row counts more. Processes never import each other: they talk over sockets, IPC and the journal.
 */
const mayImport: [place: string, folders: string, packages?: string][] = [
  ['lib', ''],
  ['contracts', 'lib'],
  ['store', 'contracts lib', 'better-sqlite3'],
  ['client', 'contracts lib'],
  ['history', 'contracts lib'],
  ['smoke', 'history client contracts lib'],
  ['supervisor', 'store contracts lib'],
  ['supervisor/watch', 'contracts lib', 'nodemon'],
  ['daemon', 'store contracts lib'],
  ['runner', 'store contracts lib'],
  ['sidecar', 'client store contracts lib', 'fastify'],
  ['sidecar/docker.ts', 'contracts lib', 'dockerode'],
  ['cli', 'smoke client contracts lib'],
  ['testing', 'smoke history client store contracts lib'],
  ['scenarios', 'testing smoke history client store contracts lib'],
  ['bench', 'testing smoke history client store contracts lib'],
  // A peer runs the daemon's own code: that is what it is compared with.
  ['bench/{peer-daemon,bun-server}.ts', 'daemon store contracts lib'],
]
const packages = new Set(mayImport.flatMap(([, , names]) => names ?? []))
const folders = new Set(mayImport.map(([place]) => topOf(place)))

/** Each folder's own tests and what they share; whole folders that are for tests only. */
const testFiles = ['**/*.test.ts', '**/testing/**', 'src/{scenarios,bench}/**']
/** What may look at the environment: the mains, and what stands in for a person. */
const mains = ['src/**/{main,*-main,docker-proxy}.ts', 'src/cli/{ksi,with-node}.js', ...testFiles.slice(1)]

function topOf(place: string): string {
  return place.split('/')[0] ?? place
}

/** What the files of a place may not import. */
function restrictions([place, allowed, mine]: (typeof mayImport)[number], inTests: boolean) {
  const mayUse = new Set([topOf(place), ...allowed.split(' '), ...(inTests ? ['testing'] : [])])
  const others = [...folders].filter((folder) => !mayUse.has(folder) && folder !== 'testing')
  const toOthers = { regex: `^(\\.\\./)+(${others.join('|')})/`, message: `src/${place} may import: ${allowed}` }
  const toTesting = { regex: '(^|/)testing/', message: 'only tests import what is made for tests' }
  const paths = [...packages].filter((name) => name !== mine).map((name) => ({ name, message: 'has one place only' }))
  return { paths, patterns: inTests || mayUse.has('testing') ? [toOthers] : [toOthers, toTesting] }
}

const importRules = mayImport.flatMap((row) => {
  const files = row[0].endsWith('.ts') ? `src/${row[0]}` : `src/${row[0]}/**`
  return [false, true].map((inTests) => ({
    files: inTests ? [files.replace(/\*\*$/, '**/*.test.ts'), files.replace(/\*\*$/, '**/testing/**')] : [files],
    rules: { 'no-restricted-imports': ['error', restrictions(row, inTests)] as ['error', object] },
  }))
})

const counted = { skipBlankLines: true, skipComments: true }

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  options: { typeAware: true, reportUnusedDisableDirectives: 'error' },
  env: { node: true, es2024: true },
  ignorePatterns: ['node_modules', 'var'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/consistent-type-imports': 'error',
    'typescript/require-array-sort-compare': ['error', { ignoreStringArrays: true }],
    'oxc/no-barrel-file': 'error',
    'node/no-process-env': 'error',
    'no-console': 'error',
    'max-lines': ['error', { max: 200, ...counted }],
    'max-lines-per-function': ['error', { max: 50, ...counted }],
    'max-params': ['error', { max: 4 }],
    'no-await-in-loop': 'off',
    'unicorn/no-array-sort': 'off',
    'no-shadow': 'off',
    'import/no-unassigned-import': 'off',
    'require-yield': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'promise/always-return': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'no-underscore-dangle': 'off',
    'typescript/no-unnecessary-type-parameters': 'off',
  },
  overrides: [
    ...importRules,
    { files: mains, rules: { 'node/no-process-env': 'off' } },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    {
      files: testFiles,
      rules: {
        'max-lines': ['error', { max: 400, ...counted }],
        'max-lines-per-function': 'off',
        'typescript/no-floating-promises': [
          'error',
          {
            allowForKnownSafeCalls: [
              { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
            ],
          },
        ],
      },
    },
  ],
})
