import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorCodes, exitCodes } from '../lib/errors.ts'
import { settingNames, unknownSettings } from './settings.ts'

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const named = (pattern: RegExp): Set<string> => new Set(readme.match(pattern) ?? [])

test('the README names every setting and error code there is, and none that is not', () => {
  const soak = ['SAVES', 'KILLS', 'ACTS', 'RUN_MS', 'STREAMS', 'STREAM_SAVES', 'STREAM_KILLS']
  const knobsOfTests = [...soak.map((name) => `KSI_SOAK_${name}`), 'KSI_SEED']
  const composeFile = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8')
  const knobsOfCompose = Array.from(composeFile.matchAll(/\$\{(KSI_[A-Z_]+)/g), ([, name = '']) => name)
  const known = new Set([...settingNames, ...Object.keys(errorCodes), ...knobsOfTests, ...knobsOfCompose])
  const mentioned = named(/\b(?:KSI|OPENAI|ANTHROPIC)_[A-Z_]+\b/g)
  assert.deepEqual(
    [...known].filter((name) => !mentioned.has(name)),
    [],
    'missing in the README',
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

test('the README explains every exit code', () => {
  const explained = readme.slice(readme.indexOf('Exit codes:'), readme.indexOf('## Events'))
  for (const code of new Set<number>(Object.values(exitCodes))) assert.match(explained, new RegExp(`\\b${code} `))
})
