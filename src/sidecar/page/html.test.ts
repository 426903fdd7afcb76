import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from './html.ts'

test('texts are escaped wherever they stand, pieces of HTML are not', () => {
  const bad = `<img src=x onerror="alert('1')"> & co`
  const piece = html`<b title="${bad}">${bad}</b>`
  const safe = '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; co'
  assert.equal(html`<p>${piece}</p>`.text, `<p><b title="${safe}">${safe}</b></p>`)
})

test('what is not there is left out, lists are joined, and 0 is a number', () => {
  assert.equal(html`${undefined}${null}${false}${0}${['a', html`<i></i>`, [1]]}`.text, '0a<i></i>1')
})

test('control characters, and those that turn the direction of writing, are shown as what they are', () => {
  assert.equal(html`${'a\u202eb\u0007c\nd\te'}`.text, 'a\ufffdb\ufffdc\nd\te')
})
