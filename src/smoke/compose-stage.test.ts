import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ComposeStage } from './compose-stage.ts'
import { noEngine, removeProject } from './docker.ts'
import { environmentWith, setEnvironment } from './testing/own-environment.ts'

/* What an engine says that cannot be had it say: by a program that stands in for `docker` on the PATH. */
const program = `#!/bin/sh
echo "$KSI_PORT $*" >> "$FAKE/calls"
if [ -e "$FAKE/dead" ]; then echo 'Cannot connect to the Docker daemon. Is it running?' >&2; exit 1; fi
case "$*" in
  *' config '*) cat "$FAKE/config" ;;
  *' up --build '*)
    if [ -s "$FAKE/taken" ]; then
      sed -i 1d "$FAKE/taken"
      echo 'Error: Bind for 127.0.0.1:4310 failed: port is already allocated' >&2
      exit 1
    fi ;;
  'volume ls '*) [ -e "$FAKE/held" ] && echo ksi-smoke-x_db ;;
  'volume rm '*) echo 'volume is in use' >&2; exit 1 ;;
esac
exit 0
`

describe('a stack of a smoke, on an engine that', () => {
  let environment: Disposable
  let fake: string
  beforeEach(() => {
    fake = mkdtempSync(join(tmpdir(), 'ksi-t-'))
    writeFileSync(join(fake, 'docker'), program)
    chmodSync(join(fake, 'docker'), 0o755)
    writeFileSync(join(fake, 'config'), JSON.stringify({ volumes: { db: { name: 'ksi-smoke-x_db' } }, services: {} }))
    environment = setEnvironment(environmentWith({ FAKE: fake }, fake))
  })
  afterEach(() => {
    environment[Symbol.dispose]()
    rmSync(fake, { recursive: true, force: true })
  })
  const stage = (): ComposeStage =>
    new ComposeStage({
      root: fake,
      project: 'ksi-smoke-x',
      env: environmentWith({ KSI_TOKEN: 'the token of the user', COMPOSE_FILE: 'another.yaml' }),
      signal: new AbortController().signal,
    })
  const put = (file: string, text = ''): void => writeFileSync(join(fake, file), text)
  const ports = (): string[] =>
    readFileSync(join(fake, 'calls'), 'utf8')
      .split('\n')
      .flatMap((call) => (call.includes(' up --build ') ? (call.split(' ')[0] ?? '') : []))

  test('finds a port taken: takes other ports, and gives up after three', async () => {
    put('taken', '1\n2\n')
    await stage().start()
    assert.equal(new Set(ports()).size, 3, ports().join())
    put('taken', '1\n2\n3\n4\n')
    await assert.rejects(stage().start(), /port is already allocated/)
    assert.equal(ports().length, 6)
  })

  test('dies meanwhile: what fails is told with its words, and what is left with the name to look for', async () => {
    put('dead')
    await assert.rejects(stage().start(), /docker compose .* Cannot connect to the Docker daemon/)
    assert.match((await noEngine()) ?? '', /Cannot connect to the Docker daemon/)
    const [left = '', ...more] = await stage().end()
    assert.match(left, /what Docker holds of ksi-smoke-x: .*Cannot connect/)
    assert.deepEqual(more, [])
  })

  test('does not let go of a volume: it is told', async () => {
    put('held')
    assert.deepEqual(await removeProject('ksi-smoke-x'), [
      '1 volumes of ksi-smoke-x: docker volume rm --force ksi-smoke-x_db failed (1): volume is in use',
    ])
  })

  for (const [what, config] of [
    ['an external volume', { volumes: { db: { name: 'ksi-smoke-x_db', external: true } } }],
    ['a volume with a name of its own', { volumes: { db: { name: 'ksi_db' } } }],
    ['a container with a name of its own', { services: { daemon: { container_name: 'ksi' } } }],
  ] as const)
    test(`would share ${what} with the user's stack: nothing is started`, async () => {
      put('config', JSON.stringify(config))
      await assert.rejects(stage().start(), { code: 'KSI_CONFIG_INVALID', message: /db|daemon/ })
      assert.deepEqual(ports(), [])
    })
})
