import type { BootFailure, SupervisorStatus } from '../../../contracts/control.ts'
import { codeFrameOf } from '../../../lib/error-frame.ts'
import type { Knowledge } from '../../knowledge.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { View } from '../view.ts'
import { command, files, when, whenMs } from '../words.ts'

/** What a person should know now, each with what to do: a broken save first, until it is repaired. */
export function alerts({ document, knowledge }: View): Html {
  const status = document.daemon.ok ? document.daemon.facts : null
  const failure = status?.problem == null ? null : status.last_failure
  return html`<div class="alerts" id="alerts">
    ${failure && brokenSave(failure, knowledge)} ${status?.trouble && uncaught(status.trouble, knowledge)}
    ${document.notes.map(
      ({ text, since, command: todo, kind }) =>
        kind !== 'failure' &&
        html`<section class="alert ${document.status}">
          <p>${text} <span class="hint">${when(since)}</span></p>
          ${todo !== null && html`<p>${command(todo)}</p>`}
        </section>`,
    )}
  </div>`
}

function brokenSave(failure: BootFailure, knowledge: Knowledge): Html {
  return html`<section class="alert fail" id="broken-save" aria-label="A change that is not live">
    <h2>The last change is not live</h2>
    <p>${files(failure.files)} · ${whenMs(failure.at)} · the code before it serves on</p>
    ${errorText(failure.error, knowledge)}
    <p>Save a repaired file, or go back: ${command('ksi rollback')}</p>
  </section>`
}

function uncaught({ error, at }: NonNullable<SupervisorStatus['trouble']>, knowledge: Knowledge): Html {
  return html`<section class="alert warn" aria-label="An error nobody caught">
    <h2>An error nobody caught in the live generation</h2>
    <p>${whenMs(at)}</p>
    ${errorText(error, knowledge)}
  </section>`
}

/** An error with the code it is about, a link into the editor, and the stack for who wants it. */
export function errorText(
  error: { message: string; stack?: string | undefined },
  { root, bare }: Pick<Knowledge, 'root' | 'bare'>,
): Html {
  const { place, text } = codeFrameOf(root, error) ?? {}
  const where = place && [place.file, place.line, ...(place.column > 0 ? [place.column] : [])].join(':')
  return html`<p class="message">${error.message}</p>
    ${
      where !== undefined &&
      html`<p>
        ${bare && html`<a href="vscode://file${root}/${where}">Open ${where} in the editor</a> `}${command(where)}
      </p>`
    }
    ${
      text !== undefined &&
      html`<pre class="frame" role="region" aria-label="The code around ${where}" tabindex="0">${text}</pre>`
    }
    ${
      error.stack !== undefined &&
      html`<details>
        <summary>Stack</summary>
        <pre role="region" aria-label="Stack" tabindex="0">${error.stack}</pre>
      </details>`
    }`
}
