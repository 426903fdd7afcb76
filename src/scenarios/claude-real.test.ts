import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { FakeApi, anthropicEvents, stream } from '../testing/fake-api.ts'
import type { Behaviour, FakeCall } from '../testing/fake-api.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { realClaude, skipWithoutClaude as skip } from '../testing/real-claude.ts'
import type { Data } from '../testing/wire-client.ts'

/** Says a part of an answer, and no more. */
const half: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of anthropicEvents('a half that nobody is to remember').slice(0, 6)) response.write(event)
}

const textOf = (call: FakeCall): string => JSON.stringify(call.body.messages)

test(
  'turns that were cut off, cancelled or run again leave no trace in what the real claude sends',
  { skip },
  async () => {
    using project = makeProject()
    mkdirSync(project.path('home/.claude'), { recursive: true })
    const halves = new Set<string>()
    const far: Behaviour = (response, call) => {
      // Its newest question; one that is tried again is answered at the second try.
      const [asked = ''] = textOf(call).match(/this is (?:cut off|cancelled|run again)(?!.*so it is)/) ?? []
      if (asked !== '' && !halves.has(asked)) {
        halves.add(asked)
        return half(response, call)
      }
      return stream(anthropicEvents('so it is'))(response, call)
    }
    await using api = await FakeApi.start(far)
    await using ksi = await Ksi.start(project, {
      KSI_CLAUDE_BIN: realClaude,
      KSI_DEFAULT_MODEL: 'claude-cli/sonnet',
      KSI_WORK_DIR: project.path('work'),
      HOME: project.path('home'),
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
      ANTHROPIC_AUTH_TOKEN: '',
    })
    using client = await ksi.client()
    const send = async (prompt: string, more: Data = {}): Promise<string> => {
      const data = { prompt, session_id: 'chat', ...more }
      return String((await client.request('completion:async', data)).request_id)
    }
    const end = (request_id: string): Promise<Data> => client.request('completion:wait', { request_id })
    /** Resolves once the far end has given half of an answer to this. */
    const untilHalf = async (request_id: string): Promise<void> => {
      await client.request('completion:stream', { request_id })
      await client.until((c) =>
        c.pushes.some((p) => p.event === 'completion:delta' && p.data.request_id === request_id),
      )
    }
    assert.equal((await end(await send('question one'))).status, 'completed')

    const late = await end(await send('this is cut off', { timeout_ms: 6_000 }))
    assert.deepEqual([late.status, late.attempts], ['completed', 2], 'it was given up, and tried again')
    const given = await send('this is cancelled')
    await untilHalf(given)
    await client.request('completion:cancel', { request_id: given })
    const again = await send('this is run again', { on_restart: 'requeue' })
    await untilHalf(again)
    process.kill(await ksi.runnerPid(), 'SIGKILL')
    assert.equal((await end(again)).status, 'completed')
    assert.equal(halves.size, 3, 'each was in the middle of its answer')

    assert.equal((await end(await send('question two'))).status, 'completed')
    const last = textOf(api.last)
    assert.match(last, /question one.*this is cut off.*this is run again.*question two/s)
    for (const once of ['this is cut off', 'this is run again']) assert.equal(last.split(once).length, 2, last)
    for (const trace of ['cancelled', 'a half']) assert.ok(!last.includes(trace), last)
  },
)
