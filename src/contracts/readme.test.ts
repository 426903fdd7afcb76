import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorCodes, exitCodes } from '../lib/errors.ts'
import { readProviderSettings, readSettings, settingNames, unknownSettings } from './settings.ts'

const read = (file: string): string => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
const files = ['README.md', 'docs/settings.md', 'docs/commands.md', 'docs/development.md']
const reference = files.map(read).join('\n')
const named = (pattern: RegExp): Set<string> => new Set(reference.match(pattern) ?? [])

test('the reference names every setting and error code there is, and none that is not', () => {
  const soaks = ['SAVES', 'KILLS', 'ACTS', 'RUN_MS', 'STREAMS', 'STREAM_SAVES', 'STREAM_KILLS']
  const knobsOfTests = ['KSI_SEED', ...soaks.map((name) => `KSI_SOAK_${name}`)]
  const composeFile = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8')
  const knobsOfCompose = Array.from(composeFile.matchAll(/\$\{(KSI_[A-Z_]+)/g), ([, name = '']) => name)
  const known = new Set([...settingNames, ...Object.keys(errorCodes), ...knobsOfTests, ...knobsOfCompose])
  const mentioned = named(/\b(?:KSI|OPENAI|ANTHROPIC)_[A-Z_]+\b/g)
  assert.deepEqual(
    [...known].filter((name) => !mentioned.has(name)),
    [],
    'missing in the documents',
  )
  assert.deepEqual(
    [...mentioned].filter((name) => !known.has(name)),
    [],
    'unknown to the code',
  )
})

test('Compose hands every setting on', () => {
  const composeFile = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8')
  const handedOn = new Set(Array.from(composeFile.matchAll(/^ {6}([A-Z][A-Z_]+):/gm), ([, name]) => name))
  // For production mode alone, which Compose does not run; and for runners without a container of their own.
  const elsewhere = ['KSI_CHECKPOINT', 'KSI_RUNNER_LINGER_MS']
  const left = settingNames.filter((name) => !handedOn.has(name) && !elsewhere.includes(name))
  assert.deepEqual(left, [])
})

test('what begins as our variables do and is none is found, with the nearest there is', () => {
  const env = { KSI_PROT: '1', KSI_TOKEN: 'x', KSI_UMASK: '22', KSI_SOAK_KILLS: '1', KSI_ZZZZ: '', PATH: '/' }
  assert.deepEqual(unknownSettings(env), [
    { name: 'KSI_PROT', near: 'KSI_PORT' },
    { name: 'KSI_ZZZZ', near: undefined },
  ])
})

test('every exit code is explained', () => {
  const text = read('docs/commands.md')
  const explained = text.slice(text.indexOf('Exit codes:'), text.indexOf('## Events'))
  for (const code of new Set<number>(Object.values(exitCodes))) assert.match(explained, new RegExp(`\\b${code} `))
})

/** Of these the table says in words what stands for no value, or for 0. */
const inWords: Record<string, string> = {
  KSI_ROOT: 'where you are',
  KSI_TOKEN: 'bare: auto; in Docker: none',
  KSI_CLAUDE_BIN: '`claude` on PATH',
  KSI_WORK_DIR: 'in the temporary folder',
  KSI_INSPECT_PORT: 'off',
}

/** A default as the table writes it. */
function written(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (value instanceof Map) return Array.from(value, ([name, number]) => `${name}=${number}`).join(' ') || '–'
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  return '–'
}

test('every setting has one row, and the default it states is the one that holds', () => {
  const holds = new Map<string, unknown>(Object.entries({ ...readSettings({}), ...readProviderSettings({}) }))
  const stated = new Map<string, string>()
  for (const line of read('docs/settings.md').split('\n')) {
    const [, first = '', second = ''] = line.split(' | ').length > 2 ? line.split(/^\| | \| /) : []
    const names = (first.match(/`[A-Z_]+`/g) ?? []).map((name) => name.slice(1, -1))
    const defaults = names.length === 1 || second === '–' ? names.map(() => second) : second.split(', ')
    if (!settingNames.includes(names[0] ?? '')) continue
    assert.equal(defaults.length, names.length, line)
    for (const [n, name] of names.entries()) {
      assert.ok(!stated.has(name), `${name} has two rows`)
      stated.set(name, defaults[n] ?? '')
    }
  }
  for (const name of settingNames) assert.equal(stated.get(name), inWords[name] ?? written(holds.get(name)), name)
})
