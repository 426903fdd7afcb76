import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEcho } from './echo.ts'
import { createRegistry } from './registry.ts'

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
