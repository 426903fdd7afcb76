import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Files that say when they are run: a imports b and d, b imports c. */
const files: Record<string, string> = {
  'a.ts':
    "import { c } from './b.ts'\nimport { d } from './d.ts'\nconsole.log('a')\nexport const said = () => `${c}${d}`",
  'b.ts': "export { c } from './c.ts'\nconsole.log('b')",
  'c.ts': "console.log('c')\nexport const c = 1",
  'd.ts': "console.log('d')\nexport const d = 1",
}

/** Imports a ahead of time in a process of its own, does `change` to the folder, and imports it again. */
function run(change: string, given: Record<string, string> = files): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'ksi-preload-'))
  try {
    for (const [name, text] of Object.entries(given)) {
      writeFileSync(join(dir, name), text)
      // Saved a while ago.
      utimesSync(join(dir, name), new Date(0), new Date(0))
    }
    const program = `
      import { rmSync, writeFileSync } from 'node:fs'
      import { setTimeout as delay } from 'node:timers/promises'
      import { Preload } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'preload.ts')).href)}
      process.chdir(${JSON.stringify(dir)})
      const load = () => import(${JSON.stringify(pathToFileURL(join(dir, 'a.ts')).href)})
      // So long a file counts as one that may be written still.
      await delay(80)
      const preload = new Preload(${JSON.stringify(pathToFileURL(`${dir}/`).href)})
      preload.begin(load)
      await delay(50)
      console.log('wanted')
      ${change}
      await preload.refresh()
      try {
        console.log('says ' + (await load()).said())
      } catch (error) {
        console.log('fails: ' + error.message.replace(/ imported from.*/, '').replace(/.*[/]/, ''))
      }`
    return execFileSync(process.execPath, ['--input-type=module-typescript', '-e', program], { encoding: 'utf8' })
      .trim()
      .split('\n')
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test('what did not change is not imported again', () => {
  assert.deepEqual(run(''), ['c', 'b', 'd', 'a', 'wanted', 'says 11'])
})

test('a file that changed is imported anew, with all that depends on it and nothing else', () => {
  const changed = "writeFileSync('c.ts', 'console.log(\"new c\")\\nexport const c = 2')"
  assert.deepEqual(run(changed), ['c', 'b', 'd', 'a', 'wanted', 'new c', 'b', 'a', 'says 21'])
})

test('a file that changed twice while the process waited is as it is in the end', () => {
  const changed = 'for (const n of [2, 3]) writeFileSync(\'d.ts\', `console.log("d ${n}")\\nexport const d = ${n}`)'
  assert.deepEqual(run(changed), ['c', 'b', 'd', 'a', 'wanted', 'd 3', 'a', 'says 13'])
})

test('a file that is gone fails as it would without all this', () => {
  assert.equal(run("rmSync('c.ts')").at(-1), "fails: c.ts'")
})

test('code that could not be imported ahead of time is imported when wanted, also if its files are the same', () => {
  const { 'c.ts': c = '', ...rest } = files
  assert.deepEqual(run(`writeFileSync('c.ts', ${JSON.stringify(c)})`, rest).slice(-2), ['a', 'says 11'])
  const broken = { ...files, 'b.ts': 'const = 1' }
  assert.deepEqual(run(`writeFileSync('b.ts', ${JSON.stringify(files['b.ts'])})`, broken).slice(-2), ['a', 'says 11'])
})
