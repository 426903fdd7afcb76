import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { contractTypes } from './contract-types.ts'

/*
 * npm run pack [-- FOLDER]: the client as a package for other programs, ksi-VERSION.tgz. It is plain JavaScript with
 * its types, needs no other package, and runs with Node 20 and newer; ksi itself has no build step. It is no `prepack`
 * of this checkout: scripts of packages are off here (.npmrc), and so would that be.
 */
const root = resolve(import.meta.dirname, '..')
const destination = resolve(process.argv[2] ?? '.')
const work = mkdtempSync(join(tmpdir(), 'ksi-pack-'))

interface Manifest {
  name: string
  version: string
  description: string
  license: string
}

function compile(dist: string): void {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    strict: true,
    skipLibCheck: true,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
    rootDir: join(root, 'src'),
    outDir: dist,
  }
  const files = ['client/client.ts', 'lib/errors.ts'].map((file) => join(root, 'src', file))
  writeFileSync(join(work, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', work], { stdio: 'inherit' })
  // Schemas are the daemon's: of the contract the package has the types alone, and those without zod's.
  rmSync(join(dist, 'contracts'), { recursive: true })
  mkdirSync(join(dist, 'contracts'))
  for (const [file, text] of Object.entries(contractTypes())) writeFileSync(join(dist, 'contracts', file), text)
  for (const file of globSync('**/*.d.ts', { cwd: dist })) nameJavaScript(join(dist, file))
}

/** The compiler rewrites the specifiers of code, and leaves those of types as they are. */
function nameJavaScript(file: string): void {
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replaceAll(/(from|import\() ?'(\.[^']*)\.ts'/g, (_all, how, path) => `${how} '${path}.js'`),
  )
}

function manifest(): Record<string, unknown> {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Manifest
  const entry = (file: string): Record<string, string> => ({ types: `./${file}.d.ts`, default: `./${file}.js` })
  const exports = { './client': entry('client/client'), './errors': entry('lib/errors') }
  return { name, version, description, license, type: 'module', exports }
}

try {
  const dist = join(work, 'package')
  compile(dist)
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`)
  copyFileSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))
  copyFileSync(join(root, 'docs/client.md'), join(dist, 'README.md'))
  mkdirSync(destination, { recursive: true })
  execFileSync('npm', ['pack', dist, '--pack-destination', destination], { stdio: ['ignore', 'inherit', 'inherit'] })
} finally {
  rmSync(work, { recursive: true, force: true })
}
