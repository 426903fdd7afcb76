import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { KsiError, messageOf } from '../lib/errors.ts'
import { toJunit } from '../smoke/junit.ts'
import { scenarioNames } from '../smoke/names.ts'
import type { Row, SmokeResult } from '../smoke/smoke.ts'
import type { Kind } from '../smoke/stage.ts'
import { duration, paint, print, printJson, say } from './output.ts'

interface Told {
  kind: Kind
  json: boolean
}

/** Column heads, each as wide as what may stand below; the first is as wide as the longest scenario. */
const heads = ['restart ms', 'queued kept', 'running kept', 'lost, told', 'run again']
const gap = '  '

/** Makes sure that a report can be written once there is one. @throws KsiError KSI_BAD_REQUEST */
export function assertWritable(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    closeSync(openSync(file, 'a'))
  } catch (error) {
    throw new KsiError('KSI_BAD_REQUEST', `--junit ${file} cannot be written: ${messageOf(error)}.`, { cause: error })
  }
}

export function writeJunit(file: string, result: SmokeResult): void {
  writeFileSync(file, toJunit(result, new Date()))
}

/** The table's head: its rows come as they are played. */
export function printHead({ kind, json }: Told): void {
  if (json) return
  print(paint('bold', `      ${'scenario'.padEnd(titleWidth(kind))}${gap}${heads.join(gap)}`))
}

export function printRow(row: Row, { kind, json }: Told): void {
  if (json) return
  const { restartMs, queued, running, told, again, faults } = row
  const cells = [
    restartMs === null ? '–' : String(restartMs),
    `${queued.kept} of ${queued.of}`,
    `${running.kept} of ${running.of}`,
    String(told),
    String(again),
  ].map((cell, n) => cell.padStart(heads[n]?.length ?? 0))
  const mark = faults.length === 0 ? paint('green', 'ok  ') : paint('red', 'FAIL')
  print(`${mark}  ${titleOf(row.name, kind).padEnd(titleWidth(kind))}${gap}${cells.join(gap)}`)
  for (const fault of faults) print(`      ${fault}`)
}

/** The verdict, and where to look. */
export function printEnd(result: SmokeResult, { json }: Told): void {
  const { ok, faults, skipped, interrupted, evidence, kept, name, kind, seed, rows, tookMs } = result
  if (json) printJson(result)
  else {
    for (const fault of faults) print(`${paint('red', 'FAIL')}  ${fault}`)
    const played = `${rows.length} of ${rows.length + skipped.length} scenarios in ${duration(tookMs)}, seed ${seed}`
    const verdict = ok
      ? paint('green', 'All as promised')
      : interrupted
        ? 'Ended early'
        : paint('red', 'Not as promised')
    print(`${verdict}: ${played}.`)
  }
  if (evidence !== null) say(`Logs, history, status and journal: ${evidence}`)
  if (kept !== null) say(`Kept in ${kept}. ${howToRemove(kind, name, kept)}`)
}

function howToRemove(kind: Kind, name: string, root: string): string {
  if (kind === 'local') return `\`ksi dev --root ${root}\` goes on with it; remove the folder when you are done.`
  return `\`docker compose -p ${name} down --volumes --rmi local\` in it ends it; remove the folder then.`
}

function titleOf(name: string, kind: Kind): string {
  const what = scenarioNames.find((known) => known.name === name)?.what[kind]
  return `${name}: ${what ?? ''}`
}

function titleWidth(kind: Kind): number {
  return Math.max(...scenarioNames.map(({ name }) => titleOf(name, kind).length))
}
