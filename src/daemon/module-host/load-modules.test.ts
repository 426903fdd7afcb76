import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadModules } from './load-modules.ts'

let dir: string
const host = pathToFileURL(join(import.meta.dirname, 'define-module.ts')).href

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-modules-'))
})
after(() => rmSync(dir, { recursive: true }))

function write(folder: string, file: string, text: string): string {
  mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, folder, file), text)
  return join(dir, folder)
}

const moduleText = (name: string): string =>
  `import { defineModule } from '${host}'\n` +
  `export const it = defineModule({ name: '${name}', version: 1, events: {} })\n`

test('the modules of a folder are loaded in the order of their names; tests and folders are left out', async () => {
  for (const name of ['b', 'a']) write('good', `${name}.ts`, moduleText(name))
  write('good', 'a.test.ts', 'throw new Error("a test")')
  write('good/testing', 'x.ts', 'throw new Error("a helper")')
  const modules = await loadModules(join(dir, 'good'))
  assert.deepEqual(
    modules.map(({ name }) => name),
    ['a', 'b'],
  )
  assert.deepEqual(await loadModules(join(dir, 'none')), [])
})

test('a file that cannot be imported, is no module or has another name is named', async () => {
  const broken: [string, string, RegExp][] = [
    ['syntax', 'export const it = {', /^The module it cannot be loaded: /],
    ['throws', 'throw new Error("at import")', /^The module it cannot be loaded: at import$/],
    ['empty', 'export const it = 1', /it exports 0 modules/],
    ['named', moduleText('other'), /its file is it\.ts, and it calls itself other/],
    ['foreign', moduleText('system'), /system:… are ksi's own/],
  ]
  for (const [folder, text, message] of broken)
    await assert.rejects(loadModules(write(folder, 'it.ts', text)), { message }, folder)
})
