import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { apiRoute, apiRoutes } from './api.ts'
import type { ApiPath } from './api.ts'

test("the document's table names every address, and which ask for the token", () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/page.md'), 'utf8')
  const rows = [...document.matchAll(/^\| `(\/[^`]*)` \| (token|) ?\| /gm)].map(([, path, token]) => [path, token])
  const paths = Object.keys(apiRoutes) as ApiPath[]
  assert.deepEqual(
    rows,
    paths.map((path) => [path, apiRoute(path).content === true ? 'token' : '']),
  )
})
