import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createEcho } from './echo.ts'
import { makeContext } from '../testing/context.ts'
import { makeInput } from '../testing/inputs.ts'
import { surroundingsIn } from '../testing/subjects.ts'
import { createRegistry, providerLoaders } from './registry.ts'

const run = promisify(execFile)

test('finds a provider by what stands before the slash, and loads it once', async () => {
  let loads = 0
  const registry = createRegistry({
    echo: async () => {
      loads++
      return createEcho()
    },
  })
  assert.equal(loads, 0)
  const [first, second] = await Promise.all([registry.find('echo/echo'), registry.find('echo')])
  assert.equal(first, second)
  assert.equal(loads, 1)
})

test('an unknown provider fails for good, naming those there are', async () => {
  const registry = createRegistry({ echo: async () => createEcho(), 'claude-cli': async () => createEcho() })
  for (const model of ['gemini-cli/pro', 'constructor/x', '']) {
    await assert.rejects(registry.find(model), {
      name: 'ProviderError',
      retryable: false,
      reason: 'invalid_request',
      message: /one of: claude-cli, echo/,
    })
  }
})

test('a provider that cannot be loaded fails for good, and is tried again by the next run', async () => {
  let broken = true
  const registry = createRegistry({
    sdk: async () => {
      if (broken) throw new Error("Cannot find package 'ai'")
      return createEcho()
    },
  })
  await assert.rejects(registry.find('sdk/x'), {
    name: 'ProviderError',
    retryable: false,
    message: /Cannot find package 'ai'/,
  })
  broken = false
  assert.equal((await registry.find('sdk/x')).name, 'echo')
})

test('the SDKs are not touched before a provider is used: loading all that is ours costs no boot', async () => {
  const script = `
    import { registerHooks } from 'node:module'
    const foreign = new Set()
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context)
        const name = /node_modules\\/(openai|@anthropic-ai\\/sdk)\\//.exec(found.url)?.[1]
        if (name) foreign.add(name)
        return found
      },
    })
    const { createRegistry, providerLoaders } = await import('./registry.ts')
    const settings = { OPENAI_API_KEY: 'x', OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' }
    const around = { settings, silenceMs: 1000, env: {}, root: '/', workDir: '/nowhere' }
    const registry = createRegistry(providerLoaders(around))
    const providers = await registry.load()
    const before = [...foreign]
    const input = { request_id: 'r', model: 'openai/m', prompt: 'x', timeout_ms: 1000, parameters: {} }
    const ctx = { signal: new AbortController().signal, onChunk() {}, onProgress() {} }
    await providers.find(({ name }) => name === 'openai').run(input, ctx).catch(() => {})
    console.log(JSON.stringify([providers.length, before, [...foreign]]))`
  const options = { cwd: import.meta.dirname }
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], options)
  assert.deepEqual(JSON.parse(stdout), [5, [], ['openai']])
})

test('a provider that has neither key nor address says what to set, and calls nobody', async () => {
  const registry = createRegistry(providerLoaders(surroundingsIn('/nowhere')))
  const says = {
    openai: 'OPENAI_API_KEY',
    'openai-compatible': 'KSI_OPENAI_COMPATIBLE_URL',
    anthropic: 'ANTHROPIC_API_KEY',
  }
  for (const [name, variable] of Object.entries(says)) {
    const provider = await registry.find(`${name}/m`)
    await assert.rejects(provider.run(makeInput({ model: `${name}/m` }), makeContext()), {
      retryable: false,
      message: new RegExp(`^${name} cannot be used: Set ${variable}`),
    })
    assert.match(provider.missing?.() ?? '', new RegExp(variable))
  }
})
