import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { scenarioNames } from '../smoke/names.ts'
import { runKsi } from './testing/run-ksi.ts'

describe('ksi smoke refuses, before it starts anything,', () => {
  let places: string
  before(() => {
    places = mkdtempSync(join(tmpdir(), 'ksi-t-'))
  })
  after(() => rmSync(places, { recursive: true, force: true }))
  const smoke = (...args: string[]) => runKsi(['smoke', ...args], { env: { TMPDIR: places, PATH: places } })

  for (const [what, args, code, says] of [
    [
      'a scenario there is none of, with the nearest',
      ['--only', 'broken-sav'],
      64,
      /Did you mean "broken-save"\?.*down\./,
    ],
    [
      'one that is like no other, with all there are',
      ['--only', 'zzz'],
      64,
      /no scenario "zzz"\. There are: save, broken/,
    ],
    ['both places at once', ['--local', '--compose'], 64, /Say --compose or --local/],
    ['a seed that is no number', ['--seed', 'x'], 64, /--seed takes a whole number/],
    ['an option there is none of', ['--locl'], 64, /Did you mean "--local"/],
    ['a word too many', ['save'], 64, /Not understood: "save"/],
    ['a report that cannot be written', ['--junit', '/dev/null/y'], 64, /--junit \/dev\/null\/y cannot be written/],
    ['Compose without an engine, and says what works', ['--compose'], 69, /`ksi smoke --local` needs none/],
    ['a folder that is no ksi', ['--root', '/usr'], 78, /There is no ksi in \/usr/],
  ] as const)
    test(what, async () => {
      const ended = await smoke(...args)
      assert.match(ended.stderr, says)
      assert.equal(ended.code, code)
      assert.deepEqual(
        readdirSync(places).filter((name) => name.startsWith('ksi-')),
        [],
      )
    })

  test('nothing when it is asked for help, which names each scenario', async () => {
    const { code, stdout } = await smoke('--help')
    assert.equal(code, 0)
    for (const { name } of scenarioNames) assert.match(stdout, new RegExp(`\\b${name}\\b`))
  })
})
