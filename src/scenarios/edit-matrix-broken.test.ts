import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { EditMatrix } from '../testing/edit-matrix.ts'
import type { Edit } from '../testing/edit-matrix.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

const health = 'src/daemon/health.ts'
const register = 'export function registerHealth(core: Core, liveAt: number): void {\n'
/** A boot that hangs is given up after so long. */
const bootTimeoutMs = 2_000

/** Code at the end of a file: it runs when the file is imported. */
const atImport = (name: string, code: string, error: RegExp, more: Partial<Edit> & { file?: string } = {}): Edit => {
  const { file = health, ...rest } = more
  return {
    name,
    expect: 'refused',
    error,
    files: [file],
    edit: (project) => project.edit(file, (text) => `${text}\n${code}\n`),
    ...rest,
  }
}
/** Code that runs when the services are registered, in the new generation's activation. */
const atRegister = (name: string, code: string, error: RegExp, more: Partial<Edit> = {}): Edit => ({
  name,
  expect: 'refused',
  error,
  files: [health],
  edit: (project) => {
    assert.ok(project.read(health).includes(register))
    project.edit(health, (text) => text.replace(register, `${register}  ${code}\n`))
  },
  ...more,
})
/** Longer than a boot that hangs and the repair after it. */
const hangs = { latencyMs: 500 }

const edits: Edit[] = [
  atImport('a syntax error', 'const = 1', /src\/daemon\/health\.ts:\d+:7: Unexpected token/),
  atImport('syntax that needs a compiler', 'export enum Colour { red }', /enum/),
  atImport('a file that throws when it is imported', "throw new Error('thrown at import')", /thrown at import/),
  atImport('an import of a name that is not there', "import { nobody } from './core.ts'\nexport { nobody }", /nobody/),
  atImport(
    'an import of a package that is not installed',
    "import 'a-package-nobody-has'",
    /Cannot find package 'a-package-nobody-has'.*`npm ci`; in Docker `docker compose up -d --build`/,
  ),
  atImport('process.exit at boot', 'process.exit(3)', /exit code 3/),
  atImport('an endless loop at import', 'for (;;) {}', /within 2000 ms/, hangs),
  atImport(
    'a boot that takes 30 s',
    'await new Promise((resolve) => setTimeout(resolve, 30_000))',
    /within 2000 ms/,
    hangs,
  ),
  atRegister(
    'a throw in a system:startup handler',
    "core.router.on('system:startup', () => { throw new Error('startup fails') }, { service: 'x' })",
    /startup fails/,
  ),
  atRegister(
    'a rejection in a system:ready handler',
    "core.router.on('system:ready', async () => { throw new Error('ready fails') }, { service: 'x' })",
    /ready fails/,
  ),
  atRegister('process.exit in the activation', 'process.exit(4)', /exit code 4/),
  atRegister('an endless loop in the activation', 'for (;;) {}', /within 2000 ms/, hangs),
  atRegister(
    'a crash right after going live',
    "setTimeout(() => { throw new Error('dies young') }, 300)",
    /dies young/,
    { crashes: 1 },
  ),
  atRegister(
    'a promise rejection after going live',
    "setTimeout(() => void Promise.reject(new Error('nobody caught it')), 300)",
    /nobody caught it/,
    {
      expect: 'in trouble',
    },
  ),
  atImport('a promise rejection at import', "void Promise.reject(new Error('nobody caught it'))", /nobody caught it/, {
    expect: 'in trouble',
  }),
  atImport('a syntax error in shared code', 'const = 1', /Expected|Unexpected|SyntaxError|,-\[/, {
    file: 'src/contracts/events.ts',
  }),
  atImport("a syntax error in a generation's entry", 'const = 1', /Expected|Unexpected|SyntaxError|,-\[/, {
    file: 'src/daemon/main.ts',
  }),
  atRegister(
    'a message the supervisor does not know',
    "process.send?.({ type: 'surprise' })",
    /"surprise"\) that this supervisor does not know/,
  ),
  atImport('a runner that throws when it starts', "throw new Error('no runner today')", /no runner today/, {
    file: 'src/runner/server.ts',
  }),
  atImport('a provider that cannot be loaded', "throw new Error('no echo today')", /no echo today/, {
    file: 'src/runner/providers/echo.ts',
  }),
  {
    name: 'a file deleted that is imported',
    expect: 'refused',
    error: /Cannot find module .*parameters\.ts/,
    files: ['src/daemon/wire/parameters.ts'],
    edit: (project) => rmSync(project.path('src/daemon/wire/parameters.ts')),
  },
]

test('broken saves at work: the code before serves on, the file is named, the repaired save takes over', async (t) => {
  using project = makeProject({ changesReplies: true })
  const port = await freePort()
  await using ksi = await Ksi.start(project, {
    KSI_BOOT_TIMEOUT_MS: String(bootTimeoutMs),
    KSI_SIDECAR: 'on',
    KSI_SIDECAR_PORT: String(port),
  })
  const matrix = new EditMatrix(project, ksi, `http://127.0.0.1:${port}/status`)
  for (const edit of edits) await t.test(edit.name, (entry) => matrix.run(entry, edit))
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
