import type { BootRecord, StatusDocument } from '../../../contracts/status.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { duration, files, nothing, when } from '../words.ts'

/** The parts of a boot, in the order in which they follow each other; what is in no part is waiting. */
const parts = ['watch', 'fork', 'import', 'standby', 'retire', 'open', 'restore'] as const

export const legend = html`<p class="legend" aria-hidden="true">
  ${parts.map((part) => html`<span><i class="part ${part}"></i>${part}</span>`)}
</p>`

/** A boot with its phases as a bar. @param options.longest ms of what the whole width stands for */
export function bootRow(boot: BootRecord, options: { document: StatusDocument; longest: number }): Html {
  const { document, longest } = options
  const isLive = document.daemon.ok && boot.generation !== null && boot.generation === document.generation
  const tone = boot.error !== null ? 'failed' : isLive ? 'live' : ''
  const name = boot.generation === null ? 'not live' : `generation ${boot.generation}`
  return html`<li id="boot-${boot.boot_id}" class="boot ${tone}">
    <div class="boot-head">
      <a href="/page/reloads/${encodeURIComponent(boot.boot_id)}">${name}</a>
      <span class="state ${boot.error !== null ? 'bad' : isLive ? 'good' : 'idle'}">${endOf(boot, isLive)}</span>
      <span>${boot.cause}</span>
      <span class="grow">${boot.files.length > 0 && files(boot.files)}</span>
      ${when(boot.at)}
    </div>
    ${boot.error !== null && html`<p class="message">${boot.error.message.split('\n', 1)[0]}</p>`} ${bar(boot, longest)}
    <p class="hint">
      ${boot.phases.total !== undefined && `${duration(boot.phases.total)} until live`}${
        boot.phases.hold !== undefined && `, lines held ${duration(boot.phases.hold)}`
      }${restoredText(boot)}${previousText(boot)}
    </p>
  </li>`
}

function endOf({ error, end }: BootRecord, isLive: boolean): string {
  if (error !== null) return 'failed'
  if (isLive) return 'live'
  return end ?? 'no end on record'
}

function bar({ phases }: BootRecord, longest: number): Html {
  const { total } = phases
  if (total === undefined) return html``
  let at = 0
  const pieces = parts.flatMap((part) => {
    const ms = phases[part]
    if (ms === undefined || ms <= 0) return []
    const piece = html`<rect
      class="part ${part}"
      x="${percent(at / longest)}"
      width="${percent(ms / longest)}"
      height="10"
      ><title>${part} ${duration(ms)}</title></rect
    >`
    at += ms
    return [piece]
  })
  const words = parts.filter((part) => phases[part] !== undefined).map((part) => `${part} ${duration(phases[part])}`)
  return html`<svg class="bar" height="10" role="img" aria-label="${duration(total)}: ${words.join(', ')}">
    <rect class="part rest" x="0" width="${percent(total / longest)}" height="10"></rect>
    ${pieces}
  </svg>`
}

function percent(share: number): string {
  return `${Math.min(100, Math.max(0.2, share * 100)).toFixed(2)}%`
}

function restoredText({ restored }: BootRecord): string {
  if (restored === null) return ''
  const words = [
    `${restored.queued} queued`,
    `${restored.adopted} running kept`,
    restored.requeued > 0 ? `${restored.requeued} queued again` : '',
    restored.lost > 0 ? `${restored.lost} lost` : '',
    restored.poisoned > 0 ? `${restored.poisoned} put aside` : '',
  ]
  return ` · ${words.filter((word) => word !== '').join(', ')}`
}

function previousText({ previous_end: end, previous_detail: detail }: BootRecord): string {
  if (end === 'none' || end === 'handover') return ''
  return ` · the one before: ${end}${detail === null ? '' : `, ${detail}`}`
}

/** The phases as a list, for who cannot see the bar. */
export function phaseList({ phases }: BootRecord): Html {
  const known = Object.entries(phases)
  if (known.length === 0) return nothing
  return html`<dl class="facts">
    ${known.map(
      ([name, ms]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${duration(ms)}</dd>
        </div>`,
    )}
  </dl>`
}
