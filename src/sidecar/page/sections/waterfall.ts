import type { RequestDetail } from '../../../contracts/listed.ts'
import type { BootRecord } from '../../../contracts/status.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { duration } from '../words.ts'

const rowHeight = 22
const left = 14
/** Runs drawn at most: the table has all. */
const most = 12

/**
 * The course of a request to scale: waiting, each run, and a line across it for each reload it lived through.
 */
export function waterfall(request: RequestDetail, generations: readonly BootRecord[], nowMs: number): Html {
  const from = Date.parse(request.queued_at)
  const to = Math.max(from + 1, request.finished_at === null ? nowMs : Date.parse(request.finished_at))
  const at = (iso: string): number => left + ((Date.parse(iso) - from) / (to - from)) * (100 - left)
  const runs = request.runs.slice(-most)
  const firstRun = request.runs[0]?.started_at ?? request.finished_at ?? new Date(nowMs).toISOString()
  const reloads = generations.filter(({ live_at: live }) => live !== null && Date.parse(live) > from)
  const height = (runs.length + 1) * rowHeight
  const end = new Date(to).toISOString()
  const words = [
    `waited ${duration(Date.parse(firstRun) - from)}`,
    ...runs.map(
      (run) => `try ${run.attempt} ${duration(Date.parse(run.ended_at ?? end) - Date.parse(run.started_at))}`,
    ),
    `${reloads.length} reloads`,
  ]
  return html`<svg class="waterfall" height="${height + 4}" role="img" aria-label="${words.join(', ')}">
      ${bar({ label: 'queued', kind: 'queued', from: left, to: at(firstRun), row: 0 })}
      ${runs.map((run, row) =>
        bar({
          label: `try ${run.attempt}`,
          kind: run.end ?? 'processing',
          from: at(run.started_at),
          to: at(run.ended_at ?? end),
          row: row + 1,
        }),
      )}
      ${reloads.map(
        ({ live_at: live, generation, cause }) =>
          html`<line
            class="reload"
            x1="${percent(at(live ?? end))}"
            x2="${percent(at(live ?? end))}"
            y1="0"
            y2="${height}"
            ><title>generation ${generation}, by ${cause}</title></line
          >`,
      )}
    </svg>
    <p class="hint">${words.join(' · ')} · all of it ${duration(to - from)}</p>`
}

function bar({
  label,
  kind,
  from,
  to,
  row,
}: {
  label: string
  kind: string
  from: number
  to: number
  row: number
}): Html {
  const y = row * rowHeight
  return html`<text x="0" y="${y + 15}">${label}</text
    ><rect
      class="run ${kind.replaceAll(' ', '-')}"
      x="${percent(from)}"
      width="${percent(Math.max(0.3, to - from))}"
      y="${y + 4}"
      height="14"
      ><title>${label}: ${kind}</title></rect
    >`
}

function percent(value: number): string {
  return `${Math.min(100, Math.max(0, value)).toFixed(2)}%`
}
