import { scenarioNames } from './names.ts'
import type { Row, SmokeResult } from './smoke.ts'

/** A result in JUnit form: a test case for each scenario, and one for what is outside of them. */
export function toJunit(result: SmokeResult, at: Date): string {
  const { kind, name, seed, rows, skipped, faults, evidence, tookMs } = result
  const failed = rows.filter((row) => row.faults.length > 0).length + (faults.length > 0 ? 1 : 0)
  const left = result.interrupted ? 'ended early' : 'not played'
  const cases = [
    ...rows.map((row) => testCase(row, result)),
    ...skipped.map((scenario) => element(`${open(scenario, result, 0)}><skipped message="${left}"/></testcase>`)),
    element(`${open('starts, and leaves nothing behind', result, 0)}>${failureOf(faults)}</testcase>`),
  ]
  const counts = `tests="${cases.length}" failures="${failed}" errors="0" skipped="${skipped.length}"`
  const time = `time="${seconds(tookMs)}" timestamp="${at.toISOString().slice(0, 19)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts} time="${seconds(tookMs)}">`,
    `  <testsuite name="ksi smoke (${kind})" ${counts} ${time}>`,
    '    <properties>',
    ...Object.entries({ project: name, seed, evidence: evidence ?? '' }).map(
      ([key, value]) => `      <property name="${key}" value="${escaped(String(value))}"/>`,
    ),
    '    </properties>',
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase(row: Row, result: SmokeResult): string {
  const { restartMs, queued, running, told, again } = row
  const figures =
    `restart ${restartMs === null ? 'none' : `${restartMs} ms`}, queued kept ${queued.kept} of ${queued.of}, ` +
    `running kept ${running.kept} of ${running.of}, lost and told ${told}, run again ${again}`
  const out = `<system-out>${escaped(figures)}</system-out>`
  return element(`${open(row.name, result, row.tookMs)}>${failureOf(row.faults)}${out}</testcase>`)
}

function open(name: string, { kind }: SmokeResult, ms: number): string {
  const what = scenarioNames.find((known) => known.name === name)?.what[kind]
  const title = what === undefined ? name : `${name}: ${what}`
  return `<testcase classname="ksi.smoke.${kind}" name="${escaped(title)}" time="${seconds(ms)}"`
}

function failureOf(faults: readonly string[]): string {
  const [first] = faults
  if (first === undefined) return ''
  return `<failure message="${escaped(first)}">${escaped(faults.join('\n'))}</failure>`
}

function element(text: string): string {
  return `    ${text}`
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

/** What XML can hold of a text: no control characters, no half of a surrogate pair, nothing that is markup. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '�')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
