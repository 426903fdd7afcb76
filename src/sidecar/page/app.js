import { ago, byId, files, fromMs, make, show, when } from './elements.js'
import { showDocker, showJournal, showSources } from './tables.js'

const colors = { pass: '#1a7f37', warn: '#bf8700', fail: '#cf222e', unknown: '#6e7781' }
const pollMs = 2_000

let latest
let polling
const stream = new EventSource('/events')

const phaseName = (phase) => (phase === 'swapping' ? 'handing over' : phase)

function runnersOf({ runners, runner_host: host }) {
  if (host.state === 'down') return 'none: the runner host is down'
  const state = host.state === 'draining' ? ', ending' : ''
  return `${runners.length}${state}${host.elsewhere ? ', in a container of their own' : ''}`
}

function showState(status) {
  const { daemon, journal } = status
  const counts = journal.facts?.counts
  byId('state').dataset.status = status.status
  if (byId('summary').textContent !== status.summary) byId('summary').textContent = status.summary
  const facts = [
    ['Generation', status.generation ?? '–'],
    ['Phase', phaseName(status.phase)],
    ['Since', when(status.since)],
    ['Queued', counts?.queued ?? '–'],
    ['Running', counts?.processing ?? '–'],
    ['Completed', counts?.completed ?? '–'],
    ['Failed', counts ? `${counts.failed} (${journal.facts.lost} lost)` : '–'],
    [
      'Journal',
      daemon.facts ? `${daemon.facts.journal.path} (${daemon.facts.journal.kept ? 'kept' : 'not kept'})` : '–',
    ],
    [
      'Saves',
      daemon.facts
        ? `${daemon.facts.swaps} live, ${daemon.facts.failed_swaps} not; ${daemon.facts.crashes} crashes`
        : '–',
    ],
    ['Runners', daemon.facts ? runnersOf(daemon.facts) : '–'],
    ['Connections', daemon.facts?.connections ?? '–'],
  ]
  show('facts', ...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))))
  const mark = { pass: '●', warn: '▲', fail: '✖' }[status.status] ?? '?'
  const generation = status.generation === null ? '' : ` · generation ${status.generation}`
  document.title = `${mark} ksi ${phaseName(status.phase)}${generation}`
  const icon =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">' +
    `<circle cx="8" cy="8" r="7" fill="${colors[status.status] ?? colors.unknown}"/></svg>`
  document.querySelector('link[rel=icon]').href = `data:image/svg+xml,${encodeURIComponent(icon)}`
}

function report(title, at, error, list = []) {
  return [
    make('h2', {}, title),
    make('p', {}, when(fromMs(at)), list.length > 0 ? ` · ${files(list)}` : ''),
    make('p', { class: 'message' }, error.message),
    error.stack ? make('details', {}, make('summary', {}, 'Stack'), make('pre', {}, error.stack)) : null,
  ].filter((child) => child !== null)
}

function showAlerts(facts) {
  const failure = byId('failure')
  const current = facts?.problem ? facts.last_failure : null
  const wasOpen = failure.querySelector('details')?.open
  failure.hidden = !current && !facts?.trouble
  failure.replaceChildren(
    ...(current
      ? report(`The last change did not become live (${current.phase})`, current.at, current.error, current.files)
      : []),
    ...(facts?.trouble
      ? report('An error nobody caught in the live generation', facts.trouble.at, facts.trouble.error)
      : []),
  )
  // A new document must not close what somebody is reading.
  if (wasOpen) failure.querySelector('details')?.setAttribute('open', '')
  const waiting = facts?.waiting_for_restart ?? []
  byId('waiting').hidden = waiting.length === 0
  show(
    'waiting',
    make('h2', {}, 'Waiting for a restart'),
    make(
      'p',
      {},
      `${files(waiting)}: `,
      make('code', {}, 'docker compose restart daemon'),
      ' for the supervisor, ',
      make('code', {}, 'docker compose restart runner'),
      ' for the runner host; without Docker ',
      make('code', {}, 'ksi stop'),
      ' and ',
      make('code', {}, 'ksi start'),
      ' for both',
    ),
  )
}

function render(status) {
  latest = status
  showState(status)
  showAlerts(status.daemon.ok ? status.daemon.facts : null)
  showJournal(status.journal.facts, status.daemon.ok ? status.generation : undefined)
  showDocker(status.docker.facts)
  showSources(status)
}

function tick() {
  for (const element of document.querySelectorAll('time')) element.textContent = ago(element.dateTime)
}

function lost(text) {
  byId('link').textContent = text
  byId('state').dataset.status = 'unknown'
  byId('summary').textContent =
    `The sidecar does not answer.${latest ? ` Its last word, ${ago(latest.at)}: ${latest.summary}` : ''}`
  document.title = '? ksi (no answer from the sidecar)'
}

/** While the stream is down (a proxy that cuts it, a sidecar that restarts). */
async function poll() {
  try {
    const reply = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(pollMs) })
    render(await reply.json())
    byId('link').textContent = 'asking every 2 s'
  } catch {
    lost('trying again…')
  }
}

stream.addEventListener('snapshot', (event) => {
  clearInterval(polling)
  polling = undefined
  byId('link').textContent = 'live'
  render(JSON.parse(event.data))
})
stream.addEventListener('error', () => {
  polling ??= setInterval(poll, pollMs)
})
setInterval(tick, 1_000)
