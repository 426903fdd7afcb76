import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readSettings } from '../contracts/settings.ts'
import { KsiError } from '../lib/errors.ts'
import { checkStart, lookAtMachine } from './start-checks.ts'
import type { Machine, Room } from './start-checks.ts'

const dir = mkdtempSync(join(tmpdir(), 'ksi-checks-'))
after(() => rmSync(dir, { recursive: true }))
const enough: Machine = { descriptors: 100_000, memory: 8 * 2 ** 30 }

function check(env: Record<string, string> = {}, machine: Partial<Machine> = {}): { room: Room; said: string[] } {
  const said: string[] = []
  const root = env['KSI_ROOT'] ?? dir
  mkdirSync(root, { recursive: true })
  if (env['WITHOUT_SRC'] === undefined) mkdirSync(join(root, 'src'), { recursive: true })
  const room = checkStart(readSettings({ KSI_ROOT: root, ...env }), { ...enough, ...machine }, (text) =>
    said.push(text),
  )
  return { room, said }
}

const refused = (code: string, message: RegExp, env: Record<string, string>, machine: Partial<Machine> = {}): void =>
  assert.throws(
    () => check(env, machine),
    (error) => {
      assert.ok(error instanceof KsiError)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.match(error.message, /\. (Set|Move|Raise|Rename) .*\.$/, 'it says what to do')
      return true
    },
  )

test('where there is enough of everything nothing is said', () => {
  assert.deepEqual(check(), { room: { connections: 4_096, sockets: 99_904 }, said: [] })
  const { descriptors = 0, memory } = lookAtMachine()
  assert.ok(descriptors > 100 && memory > 2 ** 26)
})

test('too few file descriptors mean fewer clients, and far too few no start', () => {
  const { room, said } = check({}, { descriptors: 256 })
  assert.deepEqual(room, { connections: 128, sockets: 160 })
  assert.match(said.join(), /^Room for 128 connections instead of 4096 .* 256 file descriptors/)
  assert.deepEqual(check({ KSI_MAX_CONNECTIONS: '100' }, { descriptors: 256 }).said, [])
  refused('KSI_CONFIG_INVALID', /may have 128 file descriptors, and needs 136/, {}, { descriptors: 128 })
})

test('too little memory is said', () => {
  assert.match(check({}, { memory: 192 * 2 ** 20 }).said.join(), /^Only 192 MiB of memory.*KSI_MEMORY/)
})

test('both ports the same, a port that is none', () => {
  refused('KSI_CONFIG_INVALID', /KSI_PORT and KSI_SIDECAR_PORT are both 4400/, {
    KSI_PORT: '4400',
    KSI_SIDECAR_PORT: '4400',
  })
  refused('KSI_CONFIG_INVALID', /KSI_INSPECT_PORT and KSI_SIDECAR_PORT are both 4311/, { KSI_INSPECT_PORT: '4311' })
  check({ KSI_PORT: '4400', KSI_SIDECAR_PORT: '4400', KSI_SIDECAR: 'off' })
  check({ KSI_PORT: '0', KSI_SIDECAR_PORT: '0' })
  assert.throws(() => check({ KSI_PORT: '70000' }), /KSI_PORT: say a whole number from 0 to 65535/)
})

test('a socket path that only the runner finds too long', () => {
  // The daemon's own would just fit.
  const root = join(dir, 'x'.repeat(103 - '/var/run/runner-host.sock'.length - dir.length - 1))
  refused('KSI_SOCKET_PATH_TOO_LONG', /runner-\d+\.sock has 1\d\d bytes/, { KSI_ROOT: root })
})

test('roots that modules cannot be loaded from', () => {
  refused('KSI_CONFIG_INVALID', /backslash/, { KSI_ROOT: join(dir, 'back\\slash') })
  const linked = join(dir, 'linked')
  mkdirSync(join(linked, 'src'), { recursive: true })
  renameSync(join(linked, 'src'), join(dir, 'elsewhere'))
  symlinkSync(join(dir, 'elsewhere'), join(linked, 'src'))
  refused('KSI_CONFIG_INVALID', /is a link to/, { KSI_ROOT: linked })
  refused('KSI_CONFIG_INVALID', /cannot be read/, { KSI_ROOT: join(dir, 'nothing'), WITHOUT_SRC: '1' })
})
