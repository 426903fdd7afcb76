import assert from 'node:assert/strict'
import { test } from 'node:test'
import { providerParameters, providers, unsupported } from '../../contracts/providers.ts'
import type { ProviderName } from '../../contracts/providers.ts'
import { makeContext } from '../testing/context.ts'
import { makeInput } from '../testing/inputs.ts'
import { withSubject } from '../testing/subjects.ts'
import type { Subject } from '../testing/subjects.ts'
import { runInput } from '../../contracts/runner.ts'
import type { RunInput } from '../../contracts/runner.ts'

/*
 * What every provider has to do, whatever stands behind it. Each runs against a far end on this machine.
 */

const names = Object.keys(providers) as ProviderName[]

/** A value of each parameter, as a client would give it, and what of it must be seen at the far end. */
const values: Record<string, [value: unknown, seen: RegExp]> = {
  system: ['speak as a pirate', /speak as a pirate/],
  tools: [[{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }], /look_up/],
  tool_choice: [{ type: 'function', function: { name: 'look_up' } }, /look_up/],
  parallel_tool_calls: [false, /"parallel_tool_calls":false|"disable_parallel_tool_use":true/],
  response_format: [
    { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', title: 'Odd' } } },
    /Odd/,
  ],
  temperature: [0.25, /0\.25/],
  top_p: [0.75, /0\.75/],
  top_k: [37, /37/],
  max_tokens: [4321, /4321/],
  stop: ['HALT', /HALT/],
  seed: [8765, /8765/],
  frequency_penalty: [0.125, /0\.125/],
  presence_penalty: [0.375, /0\.375/],
  reasoning_effort: ['high', /high/],
}

for (const name of names) {
  test(`${name}: answers with text, session and usage, in pieces that make up the whole`, () =>
    withSubject(name, async (subject) => {
      subject.answer('one two three four')
      const ctx = makeContext()
      const { provider, model } = subject
      const { response, session_id, usage } = await provider.run(
        makeInput({ model, prompt: 'one two three four' }),
        ctx,
      )
      assert.match(String(response['result']), /one two three four$/)
      const text = ctx.chunks.map((chunk) => (chunk.kind === 'text' ? chunk.text : '')).join('')
      assert.equal(text, response['result'])
      assert.ok(session_id !== undefined && session_id !== '')
      assert.ok(usage !== undefined && usage.input_tokens > 0 && usage.output_tokens > 0, JSON.stringify(usage))
      assert.equal(provider.name, name)
      assert.equal(provider.missing?.(), undefined)
    }))

  test(`${name}: every parameter reaches it or is refused by name`, () =>
    withSubject(name, async (subject) => {
      for (const parameter of providerParameters.filter((other) => other !== 'stream')) {
        const [value, pattern] = values[parameter] ?? []
        assert.ok(pattern !== undefined, `no value for ${parameter}`)
        const given = { model: subject.model, parameters: { [parameter]: value } }
        const refused = unsupported(subject.model, given.parameters)
        if (refused.length > 0) assert.deepEqual(refused, [parameter])
        else assert.match(await seenWith(subject, given), pattern, parameter)
      }
    }))

  test(`${name}: what extra_body says for its API reaches it; what is for another is refused by name`, () =>
    withSubject(name, async (subject) => {
      const other = name === 'echo' ? 'claude' : 'echo'
      const extra_body = { [other]: { x: 1 }, ksi: {}, unheard_of: 'oddity' }
      const refused = unsupported(subject.model, { extra_body })
      assert.ok(refused.includes(`extra_body.${other}`))
      if (refused.length === 2) assert.deepEqual(refused.toSorted(), [`extra_body.${other}`, 'extra_body.unheard_of'])
      else if (name !== 'echo')
        assert.match(await seenWith(subject, { extra_body: { unheard_of: 'oddity' } }), /oddity/)
    }))

  if (providers[name].history !== 'none')
    test(`${name}: the turns before are sent along, in their order, before what is asked`, () =>
      withSubject(name, async (subject) => {
        const history = [
          { role: 'user', content: 'first question' },
          { role: 'assistant', content: 'first answer' },
        ]
        const seen = await seenWith(subject, { prompt: 'second question', history, session_id: 'foreign' })
        assert.match(seen, /first question.*first answer.*second question/s)
      }))

  if (providers[name].history !== 'none')
    test(`${name}: a whole conversation that the client gives stands instead of what was said before`, () =>
      withSubject(name, async (subject) => {
        const messages = [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: 'own question' },
          { role: 'assistant', content: 'own answer' },
          { role: 'user', content: 'own second' },
        ]
        const history = [{ role: 'user', content: 'forgotten' }]
        const seen = await seenWith(subject, { messages, history })
        assert.match(
          seen,
          /be brief.*own question.*own answer.*own second|own question.*own answer.*own second.*be brief/s,
        )
        assert.doesNotMatch(seen, /forgotten/)
      }))

  test(`${name}: ends soon when it is aborted, and hands nothing over after that`, () =>
    withSubject(name, async ({ provider, model, api }) => {
      api.behave = () => {}
      const controller = new AbortController()
      const ctx = makeContext(controller.signal)
      const echo = { latency_ms: 60_000 }
      const extra_body = name === 'echo' ? { echo } : {}
      const running = provider.run(makeInput({ model, prompt: '!sleep 60000', extra_body }), ctx)
      setTimeout(() => controller.abort('abort'), 200)
      const began = performance.now()
      await assert.rejects(running)
      assert.ok(performance.now() - began < 3_000)
      assert.deepEqual(ctx.chunks, [])
    }))

  // echo has no far end: what it is given it only repeats.
  if (name === 'echo') continue

  test(`${name}: a picture reaches it, however it is written`, () =>
    withSubject(name, async (subject) => {
      const content = [
        { type: 'text', text: 'what is this?' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'd29ybGQ=' } },
      ]
      const seen = await seenWith(subject, { messages: [{ role: 'user', content }] })
      assert.match(seen, /aGVsbG8=/)
      assert.match(seen, /d29ybGQ=/)
    }))

  test(`${name}: a failure says whether another try makes sense, in the words of the far end`, () =>
    withSubject(name, async (subject) => {
      const { provider, model } = subject
      for (const [how, retryable] of [
        ['passing', true],
        ['final', false],
      ] as const) {
        const prompt = subject.failing(how)
        await assert.rejects(provider.run(makeInput({ model, prompt }), makeContext()), {
          name: 'ProviderError',
          message: /the words of the far end/,
          retryable,
        })
      }
    }))
}

/** What the far end sees of a run. */
async function seenWith(subject: Subject, given: Partial<RunInput>): Promise<string> {
  const input = makeInput({ model: subject.model, ...given })
  // As it comes over the runner's socket.
  const result = await subject.provider.run(runInput.parse(JSON.parse(JSON.stringify(input))), makeContext())
  return subject.seen(result)
}
