import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { structuralEdits } from './structural-edit.ts'

test('what the structural edit looks for is in the code', () => {
  for (const [file, pattern, text] of structuralEdits) {
    const before = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    assert.notEqual(before.replace(pattern, text), before, `${String(pattern)} in ${file}`)
  }
})
